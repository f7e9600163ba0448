//! A QR code as a picture that a phone's camera reads from a screen.
use png::{BitDepth, ColorType, Compression, Encoder};
use qrcode::{Color, EcLevel, QrCode};

/// White modules around the code. Source: ISO/IEC 18004, quiet zone of four modules.
const QUIET: usize = 4;
/// Pixels along a module's edge: 8 survive Telegram's recompression of photos.
const SCALE: usize = 8;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum QrError {
    /// The payload does not fit a QR code.
    #[error("fit the payload into a QR code")]
    Code(#[source] qrcode::types::QrError),
    /// The picture could not be written.
    #[error("write the picture")]
    Picture(#[from] png::EncodingError),
}

/// The code as a black and white PNG.
///
/// # Errors
/// [`QrError`]; a payload of up to 1,000 bytes always fits.
pub fn picture(payload: &str) -> Result<Vec<u8>, QrError> {
    let code = QrCode::with_error_correction_level(payload, EcLevel::M).map_err(QrError::Code)?;
    let width = code.width();
    let modules = code.into_colors();
    let side = (width + 2 * QUIET) * SCALE;
    let bytes = side.div_ceil(8);
    let white = vec![0xff_u8; bytes];
    let mut pixels = Vec::with_capacity(bytes * side);
    let quiet = |pixels: &mut Vec<u8>| (0..QUIET * SCALE).for_each(|_| pixels.extend_from_slice(&white));
    quiet(&mut pixels);
    for row in modules.chunks(width) {
        // With eight pixels to a module, a module is exactly one byte of a line.
        let mut line = white.clone();
        for (byte, module) in line.iter_mut().skip(QUIET).zip(row) {
            *byte = if *module == Color::Dark { 0x00 } else { 0xff };
        }
        (0..SCALE).for_each(|_| pixels.extend_from_slice(&line));
    }
    quiet(&mut pixels);
    let edge = u32::try_from(side).unwrap_or(u32::MAX);
    let mut out = Vec::with_capacity(4096);
    let mut encoder = Encoder::new(&mut out, edge, edge);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::One);
    encoder.set_compression(Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&pixels)?;
    writer.finish()?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the modules back from the picture, then compares them with the code itself.
    #[test]
    fn the_picture_shows_the_code_with_its_quiet_zone() {
        let payload = "2@".to_owned() + &"Ab1/+,".repeat(40);
        let png = picture(&payload).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&png)).read_info().unwrap();
        let mut buffer = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut buffer).unwrap();
        assert_eq!((info.color_type, info.bit_depth), (ColorType::Grayscale, BitDepth::One));
        let code = QrCode::with_error_correction_level(&payload, EcLevel::M).unwrap();
        let side = (code.width() + 2 * QUIET) * SCALE;
        assert_eq!((info.width as usize, info.height as usize), (side, side));
        let dark = |x: usize, y: usize| buffer[y * info.line_size + x / 8] >> (7 - x % 8) & 1 == 0;
        for y in 0..side {
            for x in 0..side {
                let (mx, my) = ((x / SCALE).checked_sub(QUIET), (y / SCALE).checked_sub(QUIET));
                let expected = match (mx, my) {
                    (Some(mx), Some(my)) if mx < code.width() && my < code.width() => code[(mx, my)] == Color::Dark,
                    _ => false,
                };
                assert_eq!(dark(x, y), expected, "{x},{y}");
            }
        }
    }

    #[test]
    fn too_much_is_an_error_and_not_a_panic() {
        assert!(matches!(picture(&"x".repeat(5000)), Err(QrError::Code(_))));
    }
}
