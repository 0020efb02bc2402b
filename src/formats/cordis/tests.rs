use super::*;

#[test]
fn the_two_writings_are_told_apart_from_other_documents() {
    assert!(sniff(b"<?xml version='1.0'?><project><rcn>1</rcn></project>"));
    assert!(!sniff(b"<project xmlns='http://maven.apache.org/POM/4.0.0'><rcn>1</rcn></project>"));
    assert!(sniff(b"\xEF\xBB\xBF[{\"rcn\":1,\"id\":\"2\",\"acronym\":\"X\",\"totalCost\":\"3\"}]"));
    assert!(!sniff(b"{\"id\":\"2\",\"title\":\"X\"}"));
}

#[test]
fn only_procurement_projects_buy_together() {
    let mut project = Project::default();
    assert_eq!(project.buys(), None);
    project.schemes.push("HORIZON-PCP".to_owned());
    assert_eq!(project.buys(), Some("pcp"));
    project.schemes = vec!["PPI".to_owned()];
    assert_eq!(project.buys(), Some("ppi"));
}
