//! How cells look, and what of a value fits into one.

use std::borrow::Cow;

use rust_xlsxwriter::{Color, Format, FormatAlign, FormatBorder, FormatUnderline, IgnoreError, Worksheet, XlsxError};

use crate::report::json::rfc3339;
use crate::report::model::{ColumnGroup, Verdict};

/// Characters of a cell, counted in UTF-16 as Excel does.
const LONGEST_TEXT: usize = 32_767;
const CUT: &str = " … [cut here: longer than an Excel cell]";

/// Times before 1900-03-01 and after 9999-12-31 have no date value in Excel.
const FIRST_TIME: i64 = -2_203_891_200_000;
const LAST_TIME: i64 = 253_402_300_799_999;
/// 1970-01-01 as a day number of Excel.
const UNIX_EPOCH_DAY: f64 = 25_569.0;
/// Larger whole numbers are not exact in a cell.
const LARGEST_EXACT: u64 = 1 << 53;

const LAST_ROW: u32 = 1_048_575;
/// The number that Excel has for this paper.
const PAPER_A4: u8 = 9;

pub(super) struct Formats {
    pub(super) title: Format,
    /// The answer in one sentence.
    pub(super) headline: Format,
    pub(super) subtitle: Format,
    pub(super) section: Format,
    pub(super) header: Format,
    pub(super) header_number: Format,
    pub(super) header_after_number: Format,
    pub(super) integer: Format,
    /// A column of counts, and one of times, next to each other.
    pub(super) integer_column: Format,
    pub(super) time: Format,
    /// A count that tells of something missing.
    pub(super) left_out: Format,
    /// Text beside a number.
    pub(super) after_number: Format,
    pub(super) label: Format,
    pub(super) wrap: Format,
    pub(super) code: Format,
    pub(super) link: Format,
    pub(super) link_after_number: Format,
    pub(super) blind: Format,
    pub(super) blind_text: Format,
    pub(super) notice: Format,
    pub(super) help: Format,
}

impl Formats {
    pub(super) fn new() -> Self {
        let header = Format::new().set_bold().set_font_color(Color::White).set_background_color(0x33_41_55);
        let link = Format::new().set_font_color(0x0B_57_D0).set_underline(FormatUnderline::Single);
        Self {
            title: Format::new().set_bold().set_font_size(18),
            headline: Format::new().set_bold().set_font_size(12).set_text_wrap(),
            subtitle: Format::new().set_font_color(0x55_5F_6D),
            section: Format::new()
                .set_bold()
                .set_font_size(13)
                .set_border_bottom(FormatBorder::Medium)
                .set_border_bottom_color(0x33_41_55),
            header_after_number: header.clone().set_align(FormatAlign::Left).set_indent(1),
            header_number: header.clone().set_align(FormatAlign::Right),
            header,
            integer: Format::new().set_num_format("#,##0;-#,##0;–").set_align(FormatAlign::Right).set_align(FormatAlign::Top),
            integer_column: Format::new().set_num_format("#,##0"),
            time: Format::new().set_num_format("yyyy-mm-dd hh:mm:ss").set_align(FormatAlign::Left).set_indent(1),
            left_out: Format::new()
                .set_num_format("#,##0")
                .set_bold()
                .set_font_color(0x6B_48_00)
                .set_background_color(0xFF_F3_CD),
            after_number: Format::new().set_align(FormatAlign::Left).set_indent(1),
            label: Format::new().set_bold().set_align(FormatAlign::Top),
            wrap: Format::new().set_text_wrap().set_align(FormatAlign::Top),
            code: Format::new().set_font_name("Consolas").set_font_size(10),
            link_after_number: link.clone().set_align(FormatAlign::Left).set_indent(1),
            link,
            blind: Format::new()
                .set_bold()
                .set_font_color(Color::White)
                .set_background_color(0x9B_1C_1C)
                .set_align(FormatAlign::Top),
            blind_text: Format::new()
                .set_bold()
                .set_text_wrap()
                .set_font_color(0x7A_12_12)
                .set_background_color(0xFD_E8_E8)
                .set_align(FormatAlign::Top),
            notice: Format::new()
                .set_bold()
                .set_font_color(0x6B_48_00)
                .set_background_color(0xFF_F3_CD)
                .set_align(FormatAlign::Top),
            help: Format::new().set_text_wrap().set_italic().set_align(FormatAlign::Top),
        }
    }

    /// The header of a finding column: one colour for each question that columns answer. White on it has a contrast above 4.5.
    pub(super) fn group_header(group: ColumnGroup) -> Format {
        let color = match group {
            ColumnGroup::Finding => 0x33_41_55,
            ColumnGroup::Who => 0x1D_4E_89,
            ColumnGroup::DidWhat => 0x0F_66_5C,
            ColumnGroup::ToWhat => 0x6B_3F_8C,
            ColumnGroup::FromWhere => 0x8A_4B_08,
            ColumnGroup::HowOften => 0x4B_55_63,
        };
        Format::new().set_bold().set_font_color(Color::White).set_background_color(color).set_align(FormatAlign::Left)
    }
}

/// The look of a verdict, beside its word. `None` for verdicts that ask for no attention.
pub(super) fn verdict_format(verdict: Verdict) -> Option<Format> {
    let (font, fill): (u32, u32) = match verdict {
        Verdict::Denied | Verdict::CrossesPerimeter => (0x8B_14_14, 0xFD_E2_E1),
        Verdict::Undetermined => (0x6B_48_00, 0xFF_F0_C2),
        Verdict::ServiceOwned => (0x1D_4E_79, 0xDC_EB_FA),
        Verdict::Excepted => (0x3F_47_51, 0xE5_E7_EB),
        Verdict::NotDenied => (0x1E_5E_2A, 0xDF_F2_E1),
        Verdict::Information | Verdict::NotApplicable => return None,
    };
    Some(Format::new().set_bold().set_font_color(font).set_background_color(fill))
}

/// Text as a cell can hold it: control characters, which a workbook must not contain, become their visible symbols, and what is
/// longer than a cell ends in a note that says so.
pub(super) fn text(value: &str) -> Cow<'_, str> {
    let visible = |c: char| match c {
        '\n' | '\t' => c,
        '\u{7F}' => '\u{2421}',
        '\u{FFFE}' | '\u{FFFF}' => '\u{FFFD}',
        c if c < ' ' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{FFFD}'),
        c => c,
    };
    let clean: Cow<'_, str> =
        if value.chars().any(|c| visible(c) != c) { value.chars().map(visible).collect() } else { Cow::Borrowed(value) };
    // UTF-16 never takes more units than UTF-8 takes bytes.
    if clean.len() <= LONGEST_TEXT || clean.encode_utf16().count() <= LONGEST_TEXT {
        return clean;
    }
    let mut room = LONGEST_TEXT.saturating_sub(CUT.encode_utf16().count());
    let kept: String = clean
        .chars()
        .take_while(|c| {
            let fits = c.len_utf16() <= room;
            room = room.saturating_sub(c.len_utf16());
            fits
        })
        .collect();
    Cow::Owned(kept + CUT)
}

/// Writes text as text, whatever it looks like. Empty text is an empty cell.
pub(super) fn write_text(sheet: &mut Worksheet, row: u32, column: u16, value: &str) -> Result<(), XlsxError> {
    sheet.write_string(row, column, text(value)).map(|_| ())
}

pub(super) fn write_text_as(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    value: &str,
    format: &Format,
) -> Result<(), XlsxError> {
    sheet.write_string_with_format(row, column, text(value), format).map(|_| ())
}

/// Writes a count; one that a cell cannot hold exactly becomes text.
pub(super) fn write_count(sheet: &mut Worksheet, row: u32, column: u16, value: u64, format: &Format) -> Result<(), XlsxError> {
    if value <= LARGEST_EXACT {
        sheet.write_number_with_format(row, column, value as f64, format).map(|_| ())
    } else {
        write_text(sheet, row, column, &value.to_string())
    }
}

/// Writes a whole number in the format of its column.
pub(super) fn write_integer(sheet: &mut Worksheet, row: u32, column: u16, value: i64) -> Result<(), XlsxError> {
    if value.unsigned_abs() <= LARGEST_EXACT {
        sheet.write_number(row, column, value as f64).map(|_| ())
    } else {
        write_text(sheet, row, column, &value.to_string())
    }
}

/// Writes a UTC time as a date value in the format of its column; one outside the calendar of Excel becomes text.
pub(super) fn write_time(sheet: &mut Worksheet, row: u32, column: u16, milliseconds: i64) -> Result<(), XlsxError> {
    if (FIRST_TIME..=LAST_TIME).contains(&milliseconds) {
        sheet.write_number(row, column, milliseconds as f64 / 86_400_000.0 + UNIX_EPOCH_DAY).map(|_| ())
    } else {
        write_text(sheet, row, column, &rfc3339(milliseconds))
    }
}

/// Writes an RFC 3339 text as a date value, or as it is when it is none.
pub(super) fn write_time_text(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    value: &str,
    formats: &Formats,
) -> Result<(), XlsxError> {
    match value.parse::<jiff::Timestamp>() {
        Ok(moment) if (FIRST_TIME..=LAST_TIME).contains(&moment.as_millisecond()) => sheet
            .write_number_with_format(
                row,
                column,
                moment.as_millisecond() as f64 / 86_400_000.0 + UNIX_EPOCH_DAY,
                &formats.time,
            )
            .map(|_| ()),
        _ => write_text(sheet, row, column, value),
    }
}

/// Prints on pages as wide as the sheet, and keeps Excel from calling the account ids of a column numbers by mistake.
pub(super) fn set_page(sheet: &mut Worksheet, account_ids: Option<u16>) -> Result<(), XlsxError> {
    sheet.set_landscape().set_paper_size(PAPER_A4).set_print_fit_to_pages(1, 0);
    if let Some(column) = account_ids {
        sheet.ignore_error_range(0, column, LAST_ROW, column, IgnoreError::NumberStoredAsText)?;
    }
    Ok(())
}

/// A header row: `(title, width, is a number)` for each column, frozen.
pub(super) fn write_header(sheet: &mut Worksheet, headers: &[(&str, f64, bool)], formats: &Formats) -> Result<(), XlsxError> {
    for (column, (title, width, number)) in (0_u16..).zip(headers) {
        sheet.set_column_width(column, *width)?;
        write_text_as(sheet, 0, column, title, if *number { &formats.header_number } else { &formats.header })?;
    }
    sheet.set_freeze_panes(1, 0)?;
    Ok(())
}

/// A link to a cell of this workbook.
pub(super) fn write_link(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    target: (&str, u32),
    label: &str,
    format: &Format,
) -> Result<(), XlsxError> {
    let (name, target_row) = target;
    let link = rust_xlsxwriter::Url::new(format!("internal:'{}'!A{}", name.replace('\'', "''"), u64::from(target_row) + 1))
        .set_text(text(label));
    sheet.write_url_with_format(row, column, link, format).map(|_| ())
}
