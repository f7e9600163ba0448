//! Files that went through the server, by their file id and by their download path.
//!
//! Owns the bytes, up to a bound: the oldest files are forgotten first, as a real file id may expire.

use std::collections::{HashMap, VecDeque};

use axum::body::Bytes;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// What all kept files may weigh together.
const KEPT_BYTES: usize = 256 * 1024 * 1024;

/// One file.
#[derive(Debug, Clone)]
pub(super) struct StoredFile {
    pub(super) file_id: String,
    pub(super) unique_id: String,
    pub(super) path: String,
    pub(super) name: String,
    pub(super) mime: String,
    pub(super) bytes: Bytes,
    /// Pixels, when it is a picture.
    pub(super) pixels: Option<(u32, u32)>,
}

impl StoredFile {
    /// As `PhotoSize`.
    pub(super) fn photo_size(&self) -> Value {
        let (width, height) = self.pixels.unwrap_or_default();
        json!({
            "file_id": self.file_id, "file_unique_id": self.unique_id, "width": width, "height": height,
            "file_size": self.bytes.len(),
        })
    }

    /// As `Document`, `Voice` and the like.
    pub(super) fn document(&self) -> Value {
        json!({
            "file_id": self.file_id, "file_unique_id": self.unique_id, "file_name": self.name,
            "mime_type": self.mime, "file_size": self.bytes.len(),
        })
    }
}

/// All kept files.
#[derive(Debug, Default)]
pub(super) struct Files {
    by_id: HashMap<String, StoredFile>,
    id_of_path: HashMap<String, String>,
    order: VecDeque<String>,
    weight: usize,
    count: u64,
}

impl Files {
    pub(super) fn get(&self, file_id: &str) -> Option<&StoredFile> {
        self.by_id.get(file_id)
    }

    pub(super) fn at_path(&self, path: &str) -> Option<&StoredFile> {
        self.id_of_path.get(path).and_then(|id| self.by_id.get(id))
    }

    /// Keeps a file under a new id; the folder is what Telegram sorts by.
    pub(super) fn keep(&mut self, folder: &str, name: &str, mime: Option<&str>, bytes: Bytes) -> StoredFile {
        self.count += 1;
        let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
        let unique_id = URL_SAFE_NO_PAD.encode(&digest.as_ref()[..12]);
        let file_id = URL_SAFE_NO_PAD.encode(format!("sim:{folder}:{:08}:{unique_id}", self.count));
        let ending = name.rsplit_once('.').map_or("bin", |(_, ending)| ending);
        let file = StoredFile {
            path: format!("{folder}/file_{}.{ending}", self.count),
            name: name.to_owned(),
            mime: mime.unwrap_or("application/octet-stream").to_owned(),
            pixels: picture_size(&bytes),
            file_id: file_id.clone(),
            unique_id,
            bytes,
        };
        self.weight += file.bytes.len();
        self.order.push_back(file_id.clone());
        self.id_of_path.insert(file.path.clone(), file_id.clone());
        self.by_id.insert(file_id, file.clone());
        self.forget_surplus();
        file
    }

    fn forget_surplus(&mut self) {
        while self.weight > KEPT_BYTES && self.order.len() > 1 {
            let Some(oldest) = self.order.pop_front().and_then(|id| self.by_id.remove(&id)) else { return };
            self.weight -= oldest.bytes.len();
            self.id_of_path.remove(&oldest.path);
        }
    }
}

/// Width and height out of a PNG, JPEG, GIF or WebP header; nothing is decoded.
pub(super) fn picture_size(bytes: &[u8]) -> Option<(u32, u32)> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some((be32(bytes, 16)?, be32(bytes, 20)?)).filter(some_area);
    }
    if bytes.starts_with(b"GIF8") {
        let side = |at: usize| Some(u32::from(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?)));
        return Some((side(6)?, side(8)?)).filter(some_area);
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        // The kinds of WebP differ in where they say it; a sticker's side is what Telegram wants anyway.
        return Some((512, 512));
    }
    if bytes.starts_with(&[0xff, 0xd8]) { jpeg_size(bytes) } else { None }
}

fn some_area(size: &(u32, u32)) -> bool {
    size.0 > 0 && size.1 > 0
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn jpeg_size(bytes: &[u8]) -> Option<(u32, u32)> {
    let mut at = 2;
    loop {
        if *bytes.get(at)? != 0xff {
            return None;
        }
        let marker = *bytes.get(at + 1)?;
        // Start of frame, but for the three markers in that range that are none.
        if (0xc0..=0xcf).contains(&marker) && !matches!(marker, 0xc4 | 0xc8 | 0xcc) {
            return Some((be16(bytes, at + 7)?.into(), be16(bytes, at + 5)?.into())).filter(some_area);
        }
        at += 2 + usize::from(be16(bytes, at + 2)?);
    }
}

/// A picture of one pixel, for samples.
pub(super) const TINY_PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0, 1, 0, 0, 0, 1, 8,
    0, 0, 0, 0, 0x3a, 0x7e, 0x9b, 0x55, 0, 0, 0, 0x0a, b'I', b'D', b'A', b'T', 0x78, 0x9c, 0x63, 0x60, 0, 0, 0, 2, 0,
    1, 0x48, 0xaf, 0xa4, 0x71, 0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82,
];
