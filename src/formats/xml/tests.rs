use super::*;

const WORDS: Vocabulary<char> = Vocabulary {
    element: |namespace, local| match (namespace, local) {
        ("urn:a", "root") => Some('r'),
        ("urn:a", "item") => Some('i'),
        ("urn:b", "item") => Some('b'),
        _ => None,
    },
    attributes: &["id"],
    flow: None,
};

fn shape(text: &str) -> String {
    shape_in(text, &WORDS)
}

fn shape_in(text: &str, words: &Vocabulary<char>) -> String {
    fn walk(node: Node<'_, char>, out: &mut String) {
        out.push(node.name());
        if let Some(id) = node.attribute("id") {
            out.extend(["#", id]);
        }
        if !node.text().is_empty() {
            out.extend(["=", node.text()]);
        }
        let children: Vec<_> = node.children().collect();
        if !children.is_empty() {
            out.push('(');
            for child in children {
                walk(child, out);
            }
            out.push(')');
        }
    }
    let document = match Document::decode(text.as_bytes()) {
        Ok(document) => document,
        Err(error) => return error.code().to_owned(),
    };
    match document.read(words) {
        Ok(Some(tree)) => {
            let mut out = String::new();
            walk(tree.root(), &mut out);
            out
        }
        Ok(None) => "unknown root".to_owned(),
        Err(error) => error.code().to_owned(),
    }
}

#[test]
fn names_are_resolved_by_namespace_in_every_scope() {
    for (text, expected) in [
        ("<root xmlns='urn:a'><item/></root>", "r(i)"),
        ("<x:root xmlns:x='urn:a'><x:item/><item/></x:root>", "r(i)"),
        ("<root xmlns='urn:a'><item xmlns='urn:b'/><item/></root>", "r(bi)"),
        ("<p:root xmlns:p='urn:a' xmlns:q='urn:b'><q:item xmlns:q='urn:a'/><q:item/><p:item/></p:root>", "r(ibi)"),
        ("<root xmlns='urn:a'><other xmlns='urn:b'><item/></other><item/></root>", "r(i)"),
        ("<root xmlns='urn:a'><item xmlns=''/><item/></root>", "r(i)"),
        ("<root><item/></root>", "unknown root"),
        ("<p:root/>", "not-well-formed"),
        ("<root xmlns='urn:a'><q:item/></root>", "not-well-formed"),
    ] {
        assert_eq!(shape(text), expected, "{text}");
    }
}

#[test]
fn text_is_put_together_from_all_its_spellings() {
    for (inside, expected) in [
        ("a &amp; b &#x20AC; &lt;", "=a & b € <"),
        (" <![CDATA[<b> & ]]>c<!-- no --> d", "=<b> & c d"),
        ("a\r\nb", "=a\nb"),
        ("<?pi x?>", ""),
        ("&#0;", "=\u{FFFD}"),
        ("&nbsp;", "entity"),
        ("a & b", "not-well-formed"),
    ] {
        let found = shape(&format!("<root xmlns='urn:a'><item>{inside}</item></root>"));
        let expected = if expected.starts_with(['=', '\0']) || expected.is_empty() {
            format!("r(i{expected})")
        } else {
            expected.to_owned()
        };
        assert_eq!(found, expected, "{inside}");
    }
}

#[test]
fn attributes_are_unescaped_and_need_quotes() {
    assert_eq!(shape("<root xmlns='urn:a'><item x='1' id = \"a&amp;b\" y='>'/></root>"), "r(i#a&b)");
    assert_eq!(shape("<root xmlns='urn:a'><item id=1/></root>"), "not-well-formed");
    assert_eq!(shape("<root xmlns='urn:a'><item id/></root>"), "not-well-formed");
}

#[test]
fn what_is_no_document_is_refused_with_its_kind() {
    for (text, code) in [
        ("", "empty"),
        (" \n ", "empty"),
        ("{}", "not-xml"),
        ("<root xmlns='urn:a'>", "truncated"),
        ("<root xmlns='urn:a'><item", "truncated"),
        ("<root xmlns='urn:a'><!-- ", "truncated"),
        ("<root xmlns='urn:a'></item>", "not-well-formed"),
        ("<root xmlns='urn:a'/>x", "not-well-formed"),
        ("<root xmlns='urn:a'/><root xmlns='urn:a'/>", "not-well-formed"),
        ("<!DOCTYPE root [<!ENTITY a 'b'>]><root xmlns='urn:a'>&a;</root>", "entity"),
        ("<?xml version='1.0' encoding='utf-16'?><root xmlns='urn:a'/>", "wrong-encoding"),
        ("<?xml version='1.0' encoding='klingon'?><root xmlns='urn:a'/>", "unknown-encoding"),
        ("<!-- only -->", "not-well-formed"),
    ] {
        assert_eq!(shape(text), code, "{text}");
    }
}

#[test]
fn declared_encodings_are_decoded() {
    let latin = b"<?xml version='1.0' encoding='ISO-8859-2'?><root xmlns='urn:a'>\xB1</root>";
    let document = Document::decode(latin).expect("decodes");
    assert_eq!(document.read(&WORDS).expect("reads").expect("known").root().text(), "ą");
    let lying = b"<?xml version='1.0' encoding='UTF-8'?><root xmlns='urn:a'>\xB1</root>";
    assert_eq!(Document::decode(lying).err().map(|error| error.code()), Some("wrong-encoding"));
    let controls = Document::decode(b"<root xmlns='urn:a'>a\0\x07b</root>").expect("decodes");
    assert!(controls.repaired);
    assert_eq!(controls.read(&WORDS).expect("reads").expect("known").root().text(), "ab");
}

/// `p` holds lines, `b` is a word in bold.
const MIXED: Vocabulary<char> = Vocabulary {
    element: |_, local| local.chars().next().filter(|name| "ripb".contains(*name)),
    attributes: &["id"],
    flow: Some(|name| match name {
        'p' => Some(Flow::Block),
        'b' => Some(Flow::Inline),
        _ => None,
    }),
};

#[test]
fn text_of_lines_and_words_flows_into_the_element_around_them() {
    for (text, expected) in [
        ("<r><p>a <b>b</b> c</p><p>d</p></r>", "r=a b c/d"),
        ("<r>a<b>2</b>b<p>c</p>d</r>", "r=a2b/c/d"),
        ("<r><i>x</i><p>after a child</p>lost</r>", "r=after a child(i=x)"),
        ("<r><p><i>x</i>lost<b>kept</b></p></r>", "r=kept(i=x)"),
        ("<r><p><p><b/></p></p><i/></r>", "r(i)"),
        ("<r><i id='1'>a<p id='2'>b</p></i></r>", "r(i#1=a/b)"),
        ("<p><b>a root is an element</b></p>", "p=a root is an element"),
        ("<r><z><p>not kept</p></z></r>", "r"),
        ("<r><p>open</r>", "not-well-formed"),
    ] {
        assert_eq!(shape_in(text, &MIXED).replace('\n', "/"), expected, "{text}");
    }
}

#[test]
fn what_is_inside_a_closed_element_is_passed_over() {
    let document = Document::decode(b"<r><i><r><i/></r></i><r><i/></r></r>").expect("decodes");
    let tree = document.read(&MIXED).expect("reads").expect("known");
    let names = |closed: fn(char) -> bool| tree.root().within(closed).map(Node::name).collect::<String>();
    assert_eq!(names(|_| false), "iriri");
    assert_eq!(names(|name| name == 'i'), "iri");
}
