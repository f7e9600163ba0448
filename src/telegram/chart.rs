//! A chart as a picture: two bars an hour, a scale, and the hours of the day.
//!
//! Drawn here rather than by a library: those that write text bring font engines, and this needs ten digits.
use crate::domain::Chart;
use png::{BitDepth, ColorType, Compression, Encoder};

/// Pixels of the whole picture.
const SIZE: (usize, usize) = (960, 480);
/// Around what is drawn: left (for the scale), top, right, bottom (for the hours).
const EDGES: (usize, usize, usize, usize) = (72, 24, 16, 40);
/// Pixels along the edge of a digit's dot.
const DOT: usize = 3;
/// Horizontal lines between nothing and the top.
const LINES: u64 = 4;
/// An hour is written under every so many bars.
const EACH: usize = 3;

/// Background, lines, text, received, sent.
const PALETTE: [u8; 15] = [255, 255, 255, 221, 225, 230, 84, 92, 104, 42, 120, 214, 46, 160, 103];
const BACKGROUND: u8 = 0;
const LINE: u8 = 1;
const TEXT: u8 = 2;
const BARS: [u8; 2] = [3, 4];

/// Three by five dots each, a row to three bits, the top row first.
const DIGITS: [u16; 10] = [
    0b111_101_101_101_111,
    0b010_110_010_010_111,
    0b111_001_111_100_111,
    0b111_001_111_001_111,
    0b101_101_111_001_001,
    0b111_100_111_001_111,
    0b111_100_111_101_111,
    0b111_001_010_010_010,
    0b111_101_111_101_111,
    0b111_101_111_001_111,
];

struct Canvas(Vec<u8>);

impl Canvas {
    fn rectangle(&mut self, (left, top): (usize, usize), (width, height): (usize, usize), color: u8) {
        for y in top..(top + height).min(SIZE.1) {
            let line = y * SIZE.0;
            self.0[line + left.min(SIZE.0)..line + (left + width).min(SIZE.0)].fill(color);
        }
    }

    fn number(&mut self, left: usize, top: usize, digits: &str) {
        for (n, digit) in digits.bytes().filter(u8::is_ascii_digit).enumerate() {
            let shape = DIGITS[usize::from(digit - b'0')];
            for dot in (0..15).filter(|dot| shape >> (14 - dot) & 1 == 1) {
                let at = (left + (n * 4 + dot % 3) * DOT, top + dot / 3 * DOT);
                self.rectangle(at, (DOT, DOT), TEXT);
            }
        }
    }
}

/// How wide so many digits are.
fn width(digits: &str) -> usize {
    (digits.len() * 4).saturating_sub(1) * DOT
}

/// The top of the scale: the next of 4, 8, 20, 40, 80, 200, … so that each line stands for a whole number.
fn top(most: u64) -> u64 {
    let mut top = LINES;
    for factor in [2.0, 2.5, 2.0].into_iter().cycle() {
        if top >= most {
            break;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "whole numbers"
        )]
        let next = (top as f64 * factor) as u64;
        top = next;
    }
    top
}

/// The chart as a PNG.
///
/// # Errors
/// When the picture could not be written.
pub fn picture(chart: &Chart) -> Result<Vec<u8>, png::EncodingError> {
    let mut canvas = Canvas(vec![BACKGROUND; SIZE.0 * SIZE.1]);
    let (inner_width, inner_height) = (SIZE.0 - EDGES.0 - EDGES.2, SIZE.1 - EDGES.1 - EDGES.3);
    let bottom = EDGES.1 + inner_height;
    let top = top(chart.bars.iter().flatten().copied().max().unwrap_or(0));
    for line in 0..=LINES {
        let y = bottom - inner_height * usize::try_from(line).unwrap_or(0) / usize::try_from(LINES).unwrap_or(1);
        canvas.rectangle((EDGES.0, y), (inner_width, 2), LINE);
        let text = (top / LINES * line).to_string();
        canvas.number(EDGES.0.saturating_sub(12 + width(&text)), y.saturating_sub(5 * DOT / 2), &text);
    }
    let slot = inner_width / chart.bars.len().max(1);
    for (n, pair) in chart.bars.iter().enumerate() {
        let left = EDGES.0 + n * slot;
        for (which, (value, color)) in pair.iter().zip(BARS).enumerate() {
            let height = scaled(*value, top, inner_height);
            let bar = (slot * 2 / 5).max(1);
            canvas.rectangle((left + slot / 10 + which * bar, bottom - height), (bar, height), color);
        }
        if n % EACH == 0 {
            let text = format!("{:02}", hour(chart, n));
            canvas.number(left + (slot.saturating_sub(width(&text))) / 2, bottom + 12, &text);
        }
    }
    let (width, height) = (u32::try_from(SIZE.0).unwrap_or(0), u32::try_from(SIZE.1).unwrap_or(0));
    let mut out = Vec::with_capacity(8_192);
    let mut encoder = Encoder::new(&mut out, width, height);
    encoder.set_color(ColorType::Indexed);
    encoder.set_palette(&PALETTE[..]);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&canvas.0)?;
    writer.finish()?;
    Ok(out)
}

/// How high a bar is. What is not nothing can be seen.
fn scaled(value: u64, top: u64, height: usize) -> usize {
    if value == 0 {
        return 0;
    }
    let scaled = u128::from(value) * height as u128 / u128::from(top.max(1));
    usize::try_from(scaled).unwrap_or(height).clamp(2, height)
}

/// The hour of the day at which the `n`th bar begins, by the reader's clock.
fn hour(chart: &Chart, n: usize) -> i64 {
    let minutes = chart.from.0 / 60_000 + i64::from(chart.ahead) + i64::try_from(n).unwrap_or(0) * 60;
    minutes.div_euclid(60).rem_euclid(24)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    /// The color at a place, read back from the picture.
    fn colors(chart: &Chart) -> impl Fn(usize, usize) -> u8 + use<> {
        let png = picture(chart).unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(&png)).read_info().unwrap();
        let mut buffer = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut buffer).unwrap();
        assert_eq!((info.width as usize, info.height as usize, info.color_type), (SIZE.0, SIZE.1, ColorType::Indexed));
        move |x, y| buffer[y * info.line_size + x]
    }

    #[test]
    fn bars_are_as_high_as_what_they_stand_for() {
        let mut bars = vec![[0, 0]; 24];
        bars[5] = [100, 50];
        bars[23] = [0, 200];
        let color = colors(&Chart { bars, from: Timestamp(0), ahead: 0 });
        let slot = (SIZE.0 - EDGES.0 - EDGES.2) / 24;
        let height = |n: usize, which: usize| {
            let x = EDGES.0 + n * slot + slot / 10 + which * (slot * 2 / 5) + 3;
            (0..SIZE.1).filter(|y| color(x, *y) == BARS[which]).count()
        };
        let whole = SIZE.1 - EDGES.1 - EDGES.3;
        assert_eq!([height(5, 0), height(5, 1), height(23, 1)], [whole / 2, whole / 4, whole]);
        assert_eq!([height(0, 0), height(23, 0)], [0, 0]);
    }

    #[test]
    fn the_scale_ends_above_all_bars_and_is_divided_by_its_lines() {
        for most in [0, 1, 4, 5, 9, 21, 79, 81, 999, 123_456, u64::from(u32::MAX)] {
            let top = top(most);
            assert!(
                top >= most && top.is_multiple_of(LINES) && (most <= LINES || top <= most * 5 / 2),
                "{top} for {most}"
            );
        }
    }

    #[test]
    fn hours_are_those_of_the_readers_clock() {
        let chart = |ahead| Chart { bars: vec![[1, 2]; 24], from: Timestamp(22 * 3_600_000), ahead };
        assert_eq!(
            [hour(&chart(0), 0), hour(&chart(0), 2), hour(&chart(7 * 60), 0), hour(&chart(-60), 0)],
            [22, 0, 5, 21]
        );
        assert!(picture(&Chart { bars: Vec::new(), ..chart(0) }).is_ok(), "of nothing too");
    }
}
