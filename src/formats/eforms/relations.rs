//! How the procedure is run, and which other notices this one names: `cac:TenderingProcess` of the procedure,
//! `efac:Changes`, `efac:ContractModification`.

use super::names::El;
use super::read::{Node, Reading, extensions};
use crate::formats::reading::push_new;
use crate::notice::{Notice, Related, Relation, Stage, Text};

/// BT-105, BT-106, BT-136, BT-135, BT-1252, BT-756 and OPP-090.
pub(super) fn process<'t>(root: Node<'t>, notice: &mut Notice, reading: &mut Reading<'t>) {
    let lots = || root.all(El::ProcurementProjectLot).flat_map(|lot| lot.all(El::TenderingProcess));
    for process in root.all(El::TenderingProcess) {
        if notice.procedure_type.is_none() {
            notice.procedure_type = procedure_type(process, reading);
        }
        super::project::techniques(process, &mut notice.techniques, reading);
        for justification in process.all(El::ProcessJustification) {
            justify(justification, notice, reading);
        }
        if reading.flag(process.first(El::TerminatedIndicator)) == Some(true) {
            reading.keep("BT-756", true);
        }
        let relation = if notice.stage == Stage::Result { Relation::Awards } else { Relation::Previous };
        references(process, "OPP-090", relation, notice, reading);
    }
    for process in lots() {
        if notice.procedure_type.is_none() {
            notice.procedure_type = procedure_type(process, reading);
        }
        references(process, "BT-125", Relation::Previous, notice, reading);
    }
}

fn procedure_type<'t>(process: Node<'t>, reading: &mut Reading<'t>) -> Option<String> {
    reading.code(process.first(El::ProcedureCode), "procurement-procedure-type").map(str::to_owned)
}

/// BT-106 and BT-136 with BT-1252: told apart by the list's name.
fn justify<'t>(node: Node<'t>, notice: &mut Notice, reading: &mut Reading<'t>) {
    let code = node.first(El::ProcessReasonCode);
    match code.and_then(|code| code.attribute("listName")) {
        Some("accelerated-procedure") => {
            if let Some(accelerated) = reading.flag(code) {
                reading.keep("BT-106", accelerated);
            }
        }
        Some("direct-award-justification") => {
            if let Some(code) = reading.code(code, "direct-award-justification") {
                reading.keep_in_list("BT-136", code);
            }
            let reason = reading.text(node, El::ProcessReason);
            reading.keep_text("BT-135", &reason);
            previous_of_direct_award(node, notice, reading);
        }
        _ => {}
    }
}

/// BT-1252 should be a reference, but prose occurs.
fn previous_of_direct_award<'t>(node: Node<'t>, notice: &mut Notice, reading: &mut Reading<'t>) {
    let Some(text) = reading.line(node.first(El::Description)) else { return };
    if text.len() <= 60 && text.bytes().any(|b| b.is_ascii_digit()) && !text.contains(char::is_whitespace) {
        add(notice, text, Relation::Previous, "BT-1252");
    } else {
        reading.keep("BT-1252", text);
    }
}

fn references<'t>(
    process: Node<'t>,
    evidence: &str,
    relation: Relation,
    notice: &mut Notice,
    reading: &mut Reading<'t>,
) {
    for reference in process.all(El::NoticeDocumentReference) {
        if let Some(id) = reading.line(reference.first(El::ID)) {
            add(notice, id, relation, evidence);
        }
    }
}

fn add(notice: &mut Notice, id: String, relation: Relation, evidence: &str) {
    push_new(&mut notice.related, Related { id, relation, evidence: evidence.to_owned() });
}

/// BT-758, BT-140, BT-762, BT-141, BT-13716: a corrected edition; with reason `cancel` the end of the procedure.
pub(super) fn changes<'t>(root: Node<'t>, notice: &mut Notice, reading: &mut Reading<'t>) {
    let mut described = Text::default();
    let mut reasons = Text::default();
    for changes in extensions(root).flat_map(|extension| extension.all(El::Changes)) {
        notice.correction = true;
        let mut cancels = false;
        for reason in changes.all(El::ChangeReason) {
            if let Some(code) = reading.code(reason.first(El::ReasonCode), "change-corrig-justification") {
                cancels |= code == "cancel";
                reading.keep_in_list("BT-140", code);
            }
            join(&mut reasons, &reading.text(reason, El::ReasonDescription));
        }
        for change in changes.all(El::Change) {
            join(&mut described, &reading.text(change, El::ChangeDescription));
            sections(change, "BT-13716", reading);
        }
        if cancels {
            notice.stage = Stage::Cancellation;
        }
        let relation = if cancels { Relation::Cancels } else { Relation::Changes };
        for id in changes.all(El::ChangedNoticeIdentifier) {
            if let Some(id) = reading.line(Some(id)) {
                add(notice, id, relation, "BT-758");
            }
        }
    }
    reading.keep_text("BT-141", &described);
    reading.keep_text("BT-762", &reasons);
}

/// BT-1501, BT-200, BT-201, BT-202: a contract that was modified.
pub(super) fn modification<'t>(root: Node<'t>, notice: &mut Notice, reading: &mut Reading<'t>) {
    let mut described = Text::default();
    let mut reasons = Text::default();
    for modification in extensions(root).flat_map(|extension| extension.all(El::ContractModification)) {
        for id in modification.all(El::ChangedNoticeIdentifier) {
            if let Some(id) = reading.line(Some(id)) {
                add(notice, id, Relation::Modifies, "BT-1501");
            }
        }
        for contract in modification.all(El::ModifiedContractIdentifier) {
            if let Some(id) = reading.line(Some(contract)) {
                reading.keep_in_list("BT-1501(c)", &id);
            }
        }
        for reason in modification.all(El::ChangeReason) {
            if let Some(code) = reading.code(reason.first(El::ReasonCode), "modification-justification") {
                reading.keep_in_list("BT-200", code);
            }
            join(&mut reasons, &reading.text(reason, El::ReasonDescription));
        }
        for change in modification.all(El::Change) {
            join(&mut described, &reading.text(change, El::ChangeDescription));
            sections(change, "BT-1501(p)", reading);
        }
    }
    reading.keep_text("BT-201", &reasons);
    reading.keep_text("BT-202", &described);
}

/// The changed sections; older SDKs write them directly below the change.
fn sections<'t>(change: Node<'t>, key: &str, reading: &mut Reading<'t>) {
    let nested = change.all(El::ChangedSection).flat_map(|section| section.all(El::ChangedSectionIdentifier));
    for section in nested.chain(change.all(El::ChangedSectionIdentifier)) {
        if let Some(id) = reading.line(Some(section)) {
            reading.keep_in_list(key, &id);
        }
    }
}

fn join(all: &mut Text, more: &Text) {
    more.iter().for_each(|(language, text)| all.push(language, text));
}
