//! Small readers and builders of stanzas. It answers "what does this node say?" and "what does an answer look like?"; it
//! owns no state and decides nothing.

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use rand::RngExt as _;
use whatsapp_rust::Jid;
use whatsapp_rust::wacore_binary::builder::NodeBuilder;
use whatsapp_rust::wacore_binary::{Node, NodeContent};

/// The server's own address.
pub const SERVER: &str = "s.whatsapp.net";

/// An attribute as text.
pub fn attr<'a>(node: &'a Node, key: &str) -> Option<Cow<'a, str>> {
    node.attrs.get(key).map(|v| v.as_str())
}

/// An attribute as an owned text, empty when missing.
pub fn text_attr(node: &Node, key: &str) -> String {
    attr(node, key).map(Cow::into_owned).unwrap_or_default()
}

/// An attribute as an address.
pub fn jid_attr(node: &Node, key: &str) -> Option<Jid> {
    node.attrs.get(key).and_then(|v| v.to_jid())
}

/// The bytes inside a node.
pub fn content(node: &Node) -> Option<&[u8]> {
    match &node.content {
        Some(NodeContent::Bytes(b)) => Some(b),
        Some(NodeContent::String(s)) => Some(s.as_bytes()),
        _ => None,
    }
}

/// The bytes inside a named child.
pub fn child_content<'a>(node: &'a Node, tag: &str) -> Option<&'a [u8]> {
    node.get_optional_child(tag).and_then(content)
}

/// The bytes of a named child, when there are exactly `N`.
pub fn child_array<const N: usize>(node: &Node, tag: &str) -> Option<[u8; N]> {
    child_content(node, tag)?.try_into().ok()
}

/// A big-endian unsigned number of one to four bytes.
pub fn be_u32(bytes: &[u8]) -> Option<u32> {
    if bytes.is_empty() || bytes.len() > 4 {
        return None;
    }
    Some(bytes.iter().fold(0, |n, b| (n << 8) | u32::from(*b)))
}

/// Children, none when the node has none.
pub fn children(node: &Node) -> &[Node] {
    node.children().unwrap_or(&[])
}

/// The start of a positive answer to a request.
pub fn iq_result(id: &str) -> NodeBuilder {
    NodeBuilder::new("iq").attr("id", id).attr("type", "result").attr("from", SERVER)
}

/// A negative answer to a request.
pub fn iq_error(id: &str, code: u16, text: &'static str) -> Node {
    NodeBuilder::new("iq")
        .attr("id", id)
        .attr("type", "error")
        .attr("from", SERVER)
        .children([NodeBuilder::new("error").attr("code", code).attr("text", text).build()])
        .build()
}

/// Seconds since 1970.
pub fn now_secs() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|d| d.as_secs()).unwrap_or_default()
}

/// `N` random bytes.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill(&mut bytes);
    bytes
}

/// A fresh stanza or message id, 20 capital hex digits.
pub fn fresh_id() -> String {
    random::<10>().iter().map(|b| format!("{b:02X}")).collect()
}
