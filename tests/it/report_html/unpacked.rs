//! Reads the findings back out of a page, as its script does.

/// The packed findings of a page, column by column.
pub(crate) struct Unpacked {
    columns: Vec<UnpackedColumn>,
}

enum UnpackedColumn {
    /// Code 0 is null, `n` the text `n - 1`.
    Texts(Vec<u64>, Vec<String>),
    /// Texts in which the marker and a character stand for another column.
    Templates(Vec<u64>, char, Vec<String>),
    Numbers(Vec<Option<i64>>),
}

impl Unpacked {
    /// # Panics
    /// When the page is packed in another way.
    pub(crate) fn read(page: &str) -> Self {
        let block = super::between(page, "id=\"data-findings\" data-bytes=\"", "<");
        let (length, text) = block.split_once("\">").expect("an attribute and a text");
        let bytes = from_91_characters(text, length.parse().expect("a number of bytes"));
        let mut unpacked = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut unpacked).expect("a gzip stream");
        let start = 4 + u32::from_le_bytes([unpacked[0], unpacked[1], unpacked[2], unpacked[3]]) as usize;
        let header: serde_json::Value = serde_json::from_slice(&unpacked[4..start]).expect("a header");
        let number = |value: &serde_json::Value| value.as_u64().expect("a number") as usize;
        let texts = |value: &serde_json::Value| -> Vec<String> { serde_json::from_value(value.clone()).expect("texts") };
        let rows = number(&header["rows"]);
        let mut rest = &unpacked[start..];
        let mut planes = |planes: &serde_json::Value, length: usize| -> Vec<u64> {
            let (taken, after) = rest.split_at(number(planes) * length);
            rest = after;
            (0..length)
                .map(|place| taken.iter().skip(place).step_by(length).rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
                .collect()
        };
        let mut columns: Vec<UnpackedColumn> = Vec::new();
        for spec in header["columns"].as_array().expect("columns") {
            let (dictionary, storage) = (&spec["dictionary"], &spec["storage"]);
            let hexadecimal = &dictionary["hexadecimal"];
            let entries: Vec<String> = if hexadecimal.is_object() {
                let shape: Vec<usize> = serde_json::from_value(hexadecimal["shape"].clone()).expect("a shape");
                let width = serde_json::json!(1);
                let bytes = planes(&width, number(&hexadecimal["entries"]) * shape.iter().sum::<usize>() / 2);
                let mut digits = bytes.iter().map(|byte| format!("{byte:02x}"));
                (0..number(&hexadecimal["entries"]))
                    .map(|_| {
                        shape.iter().map(|run| digits.by_ref().take(run / 2).collect::<String>()).collect::<Vec<_>>().join("-")
                    })
                    .collect()
            } else if dictionary["text"].is_array() {
                texts(&dictionary["text"])
            } else {
                Vec::new()
            };
            let codes_of = |columns: &[UnpackedColumn], place: &serde_json::Value| match &columns[number(place)] {
                UnpackedColumn::Texts(codes, _) => codes.clone(),
                _ => panic!("only texts tell about other columns"),
            };
            let codes = if let Some(follows) = storage.get("follows") {
                let map = planes(&follows["planes"], number(&follows["entries"]));
                codes_of(&columns, &follows["from"]).iter().map(|code| map[*code as usize]).collect()
            } else if let Some(within) = storage.get("within") {
                let lengths = planes(&within["length_planes"], number(&within["entries"]));
                let listed = planes(&within["list_planes"], number(&within["listed"]));
                let places = planes(&within["planes"], rows);
                let starts: Vec<u64> =
                    lengths.iter().scan(0, |sum, length| Some(std::mem::replace(sum, *sum + length))).collect();
                let from = codes_of(&columns, &within["from"]);
                from.iter().zip(places).map(|(code, place)| listed[(starts[*code as usize] + place) as usize]).collect()
            } else {
                planes(
                    if storage.get("codes").is_some() { &storage["codes"]["planes"] } else { &storage["numbers"]["planes"] },
                    rows,
                )
            };
            columns.push(if let Some(numbers) = storage.get("numbers") {
                let (base, step) = (numbers["base"].as_i64().expect("a base"), numbers["step"].as_i64().expect("a step"));
                let earlier = numbers["after"].as_u64().map(|column| match &columns[column as usize] {
                    UnpackedColumn::Numbers(values) => values.clone(),
                    _ => panic!("only numbers come after numbers"),
                });
                let value = |(row, code): (usize, u64)| {
                    (code > 0).then(|| {
                        base + (code as i64 - 1) * step
                            + earlier.as_ref().map_or(0, |earlier| earlier[row].expect("an earlier number"))
                    })
                };
                UnpackedColumn::Numbers(codes.into_iter().enumerate().map(value).collect())
            } else if let Some(template) = dictionary.get("template") {
                let marker = template["marker"].as_str().and_then(|marker| marker.chars().next()).expect("a marker");
                UnpackedColumn::Templates(codes, marker, texts(&template["texts"]))
            } else {
                UnpackedColumn::Texts(codes, entries)
            });
        }
        assert!(rest.is_empty(), "{} bytes too many", rest.len());
        Self { columns }
    }

    /// The value of a cell as text; numbers and times in decimal digits.
    pub(crate) fn cell(&self, column: usize, row: usize) -> Option<String> {
        match &self.columns[column] {
            UnpackedColumn::Texts(codes, texts) => (codes[row] > 0).then(|| texts[codes[row] as usize - 1].clone()),
            UnpackedColumn::Numbers(values) => values[row].map(|number| number.to_string()),
            UnpackedColumn::Templates(codes, marker, templates) => (codes[row] > 0).then(|| {
                let mut parts = templates[codes[row] as usize - 1].split(*marker);
                let mut text = parts.next().unwrap_or_default().to_owned();
                for part in parts {
                    let reference = part.chars().next().expect("a reference");
                    text.push_str(&self.cell(reference as usize - 0x30, row).expect("a cell that the template quotes"));
                    text.push_str(&part[reference.len_utf8()..]);
                }
                text
            }),
        }
    }
}

/// Two of the 91 printable characters that are not `<`, `>` or `&` for every 13 bits, lowest first.
fn from_91_characters(text: &str, length: usize) -> Vec<u8> {
    let mut numbers = [0_u32; 128];
    for (number, letter) in (0..).zip((b'!'..=b'~').filter(|letter| !b"<>&".contains(letter))) {
        numbers[usize::from(letter)] = number;
    }
    let number = |letter: u8| numbers[usize::from(letter)];
    let (mut waiting, mut bits, mut bytes) = (0_u32, 0, Vec::with_capacity(length));
    for pair in text.as_bytes().chunks(2) {
        waiting |= (number(pair[0]) * 91 + number(pair[1])) << bits;
        bits += 13;
        while bits >= 8 && bytes.len() < length {
            bytes.push(waiting as u8);
            waiting >>= 8;
            bits -= 8;
        }
    }
    bytes
}
