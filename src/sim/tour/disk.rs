//! What lies on the disk: as a tree for people, and searched for what must not be readable there.
use anyhow::Context as _;
use std::path::{Path, PathBuf};

/// Every file under a folder, sorted. What goes away meanwhile is left out.
pub fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(e) => return Err(e).with_context(|| format!("look into {}", folder.display())),
    };
    for entry in entries {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Lines of a tree of the folder, with each file's size.
pub fn tree(folder: &Path, named: &str) -> anyhow::Result<Vec<String>> {
    let mut lines = vec![format!("{named}/")];
    let mut shown: Vec<String> = Vec::new();
    for file in files(folder)? {
        let inside = file.strip_prefix(folder)?;
        let parts: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        let Some((name, folders)) = parts.split_last() else { continue };
        let same = folders.iter().zip(&shown).take_while(|(a, b)| a == b).count();
        for (depth, part) in folders.iter().enumerate().skip(same) {
            lines.push(format!("{}{part}/", "   ".repeat(depth + 1)));
        }
        shown = folders.to_vec();
        let size = file.metadata().map_or(0, |m| m.len());
        let indent = "   ".repeat(parts.len());
        let width = 34usize.saturating_sub(indent.len());
        lines.push(format!("{indent}{name:<width$} {:>9}", sized(size)));
    }
    Ok(lines)
}

fn sized(bytes: u64) -> String {
    if bytes < 10_000 { format!("{bytes} B") } else { format!("{} KB", bytes / 1000) }
}

/// The files of these in which one of these texts can be read.
pub fn readable(files: &[PathBuf], texts: &[String]) -> anyhow::Result<Vec<PathBuf>> {
    let mut leaky = Vec::new();
    for file in files {
        let bytes = match std::fs::read(file) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => return Err(e).with_context(|| format!("read {}", file.display())),
        };
        if contains(&bytes, texts) {
            leaky.push(file.clone());
        }
    }
    Ok(leaky)
}

/// Whether one of these texts is in these bytes: one pass, since it runs without optimisation over megabytes.
fn contains(bytes: &[u8], texts: &[String]) -> bool {
    let mut begins = [false; 256];
    for first in texts.iter().filter_map(|text| text.as_bytes().first()) {
        begins[usize::from(*first)] = true;
    }
    let mut at = 0;
    while at < bytes.len() {
        if begins[usize::from(bytes[at])] && texts.iter().any(|text| bytes[at..].starts_with(text.as_bytes())) {
            return true;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_shows_folders_and_sizes_and_a_text_in_a_file_is_found() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let at = folder.path().to_owned();
        std::fs::create_dir_all(at.join("users/1"))?;
        std::fs::write(at.join("users/1/key"), "abc")?;
        std::fs::write(at.join("users/user.db"), vec![b'x'; 20_000])?;
        let lines = tree(&at, "data")?;
        assert_eq!(
            lines.iter().map(|l| l.split_whitespace().next().unwrap()).collect::<Vec<_>>(),
            ["data/", "users/", "1/", "key", "user.db"]
        );
        assert!(lines[3].ends_with("3 B") && lines[4].ends_with("20 KB"), "{lines:?}");
        let found = readable(&files(&at)?, &["zzz".into(), "bc".into()])?;
        assert_eq!(found, [at.join("users/1/key")]);
        folder.close()?;
        assert!(!at.exists());
        Ok(())
    }
}
