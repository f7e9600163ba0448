//! A phone's camera: reads the QR code in a picture.
use anyhow::{Context as _, ensure};

/// What the QR code in a PNG says.
///
/// # Errors
/// When there is no picture, or no single readable code in it.
pub fn scan(png: &[u8]) -> anyhow::Result<String> {
    let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().context("read the picture")?;
    let mut pixels = vec![0; reader.output_buffer_size().context("a picture of no size")?];
    let info = reader.next_frame(&mut pixels).context("read the picture")?;
    let (width, height) = (usize::try_from(info.width)?, usize::try_from(info.height)?);
    let samples = info.color_type.samples();
    let mut picture =
        rqrr::PreparedImage::prepare_from_greyscale(width, height, |x, y| pixels[y * info.line_size + x * samples]);
    let grids = picture.detect_grids();
    ensure!(grids.len() == 1, "{} QR codes in the picture", grids.len());
    Ok(grids[0].decode().context("read the QR code")?.1)
}
