//! One form for each value: the bytes that keys are hashed from.
//!
//! Different values of a type have different forms, and equal ones the same, whatever the order in which a map gives its entries. Every
//! part begins with a tag, texts and bytes with their length, and what has parts ends with [`END`], so that no two values run
//! together to the same bytes. The form must never change: keys are made of it, and records are found by their keys.

#![expect(clippy::unnecessary_wraps, reason = "what the methods of a serializer return")]

use std::fmt::Display;

use serde::ser::{
    Error as _, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant,
};
use serde::{Serialize, Serializer};

const NONE: u8 = b'0';
const SOME: u8 = b'1';
const FALSE: u8 = b'f';
const TRUE: u8 = b't';
const INTEGER: u8 = b'i';
/// An integer that is too big for 128 bits with a sign.
const BIG: u8 = b'I';
const FLOAT: u8 = b'd';
const TEXT: u8 = b's';
const BYTES: u8 = b'b';
const LIST: u8 = b'[';
const MAP: u8 = b'{';
const VARIANT: u8 = b'<';
const END: u8 = b'.';

/// Appends the form of `value`.
///
/// # Errors
/// The value's own `Serialize` gives one.
pub(super) fn write(value: &impl Serialize, form: &mut Vec<u8>) -> Result<(), FormError> {
    value.serialize(Form(form))
}

/// Why a value has no form: what its `Serialize` says.
#[derive(Debug)]
pub(super) struct FormError(String);

impl Display for FormError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FormError {}

impl serde::ser::Error for FormError {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

struct Form<'f>(&'f mut Vec<u8>);

impl Form<'_> {
    fn tag(self, tag: u8) -> Result<(), FormError> {
        self.0.push(tag);
        Ok(())
    }

    fn integer(self, integer: i128) -> Result<(), FormError> {
        self.0.push(INTEGER);
        self.0.extend(integer.to_le_bytes());
        Ok(())
    }

    fn text(&mut self, tag: u8, bytes: &[u8]) {
        self.0.push(tag);
        self.0.extend((bytes.len() as u64).to_le_bytes());
        self.0.extend(bytes);
    }

    fn variant(&mut self, variant: &str) {
        self.text(VARIANT, variant.as_bytes());
    }
}

/// What has parts: a list, or a map, whose entries are sorted at its end.
struct Parts<'f> {
    form: &'f mut Vec<u8>,
    entries: Vec<Vec<u8>>,
}

impl<'f> Parts<'f> {
    fn begin(Form(form): Form<'f>, tag: u8) -> Result<Self, FormError> {
        form.push(tag);
        Ok(Self { form, entries: Vec::new() })
    }

    fn part<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), FormError> {
        value.serialize(Form(self.form))
    }

    /// A field of a struct, whose fields always come in one order.
    fn field<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), FormError> {
        Form(self.form).text(TEXT, name.as_bytes());
        self.part(value)
    }

    fn finish(mut self) -> Result<(), FormError> {
        self.entries.sort_unstable();
        self.form.extend(self.entries.into_iter().flatten());
        self.form.push(END);
        Ok(())
    }
}

macro_rules! integers {
    ($($name:ident: $type:ty),*) => {
        $(fn $name(self, integer: $type) -> Result<(), FormError> {
            self.integer(integer.into())
        })*
    };
}

impl<'f> Serializer for Form<'f> {
    type Ok = ();
    type Error = FormError;
    type SerializeSeq = Parts<'f>;
    type SerializeTuple = Parts<'f>;
    type SerializeTupleStruct = Parts<'f>;
    type SerializeTupleVariant = Parts<'f>;
    type SerializeMap = Parts<'f>;
    type SerializeStruct = Parts<'f>;
    type SerializeStructVariant = Parts<'f>;

    integers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64
    }

    fn serialize_u128(self, integer: u128) -> Result<(), FormError> {
        if let Ok(integer) = i128::try_from(integer) {
            return self.integer(integer);
        }
        self.0.push(BIG);
        self.0.extend(integer.to_le_bytes());
        Ok(())
    }

    fn serialize_bool(self, truth: bool) -> Result<(), FormError> {
        self.tag(if truth { TRUE } else { FALSE })
    }

    fn serialize_f32(self, float: f32) -> Result<(), FormError> {
        self.serialize_f64(float.into())
    }

    fn serialize_f64(self, float: f64) -> Result<(), FormError> {
        self.0.push(FLOAT);
        self.0.extend(float.to_bits().to_le_bytes());
        Ok(())
    }

    fn serialize_char(self, character: char) -> Result<(), FormError> {
        self.serialize_str(character.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(mut self, text: &str) -> Result<(), FormError> {
        self.text(TEXT, text.as_bytes());
        Ok(())
    }

    fn serialize_bytes(mut self, bytes: &[u8]) -> Result<(), FormError> {
        self.text(BYTES, bytes);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), FormError> {
        self.tag(NONE)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), FormError> {
        self.0.push(SOME);
        value.serialize(Form(self.0))
    }

    fn serialize_unit(self) -> Result<(), FormError> {
        self.tag(END)
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), FormError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        mut self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), FormError> {
        self.variant(variant);
        self.serialize_unit()
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), FormError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        mut self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), FormError> {
        self.variant(variant);
        value.serialize(self)
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Parts<'f>, FormError> {
        Parts::begin(self, LIST)
    }

    fn serialize_tuple(self, _length: usize) -> Result<Parts<'f>, FormError> {
        Parts::begin(self, LIST)
    }

    fn serialize_tuple_struct(self, _name: &'static str, _length: usize) -> Result<Parts<'f>, FormError> {
        Parts::begin(self, LIST)
    }

    fn serialize_tuple_variant(
        mut self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Parts<'f>, FormError> {
        self.variant(variant);
        Parts::begin(self, LIST)
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Parts<'f>, FormError> {
        Parts::begin(self, MAP)
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Parts<'f>, FormError> {
        Parts::begin(self, MAP)
    }

    fn serialize_struct_variant(
        mut self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Parts<'f>, FormError> {
        self.variant(variant);
        Parts::begin(self, MAP)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

macro_rules! lists {
    ($($trait:ident $method:ident),*) => {
        $(impl $trait for Parts<'_> {
            type Ok = ();
            type Error = FormError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), FormError> {
                self.part(value)
            }

            fn end(self) -> Result<(), FormError> {
                self.finish()
            }
        })*
    };
}

lists! {
    SerializeSeq serialize_element, SerializeTuple serialize_element, SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
}

macro_rules! structs {
    ($($trait:ident),*) => {
        $(impl $trait for Parts<'_> {
            type Ok = ();
            type Error = FormError;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), FormError> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), FormError> {
                self.finish()
            }
        })*
    };
}

structs!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for Parts<'_> {
    type Ok = ();
    type Error = FormError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), FormError> {
        let mut entry = Vec::new();
        key.serialize(Form(&mut entry))?;
        self.entries.push(entry);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), FormError> {
        let entry =
            self.entries.last_mut().ok_or_else(|| FormError::custom("a value of a map has no key"))?;
        value.serialize(Form(entry))
    }

    fn end(self) -> Result<(), FormError> {
        self.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use super::*;

    fn form(value: impl Serialize) -> Vec<u8> {
        let mut form = Vec::new();
        write(&value, &mut form).unwrap();
        form
    }

    #[test]
    fn maps_have_one_form_whatever_their_order() {
        let pairs: Vec<(String, u32)> = (0..100).map(|n| (format!("key {n}"), n)).collect();
        let one: HashMap<_, _> = pairs.iter().cloned().collect();
        let other: HashMap<_, _> = pairs.iter().rev().cloned().collect();
        let sorted: BTreeMap<_, _> = pairs.into_iter().collect();
        assert_eq!(form(&one), form(&other));
        assert_eq!(form(&one), form(&sorted));
    }

    #[test]
    fn values_that_json_confuses_have_forms_of_their_own() {
        let floats = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 0.0, -0.0, 1.0];
        for (n, one) in floats.iter().enumerate() {
            for other in &floats[n + 1..] {
                assert_ne!(form(one), form(other), "{one} {other}");
            }
        }
        assert_ne!(form(None::<Option<()>>), form(Some(None::<()>)));
        assert_ne!(form(Some(())), form(None::<()>));
        assert_ne!(form(u128::MAX), form(-1_i128));
    }

    #[test]
    fn neighbours_do_not_run_together() {
        assert_ne!(form(("ab", "c")), form(("a", "bc")));
        assert_ne!(form((vec![1], vec![2, 3])), form((vec![1, 2], vec![3])));
        assert_ne!(form(vec![vec![(); 2]]), form(vec![vec![()], vec![()]]));
    }

    #[test]
    fn integers_are_numbers_of_any_width() {
        assert_eq!(form(5_u8), form(5_i64));
        assert_eq!(form(5_u128), form(5_i8));
        assert_ne!(form(5), form(-5));
    }

    #[test]
    fn forms_never_change() {
        #[derive(Serialize)]
        enum Shape {
            Point,
            Circle(f64),
            Box { width: u32, label: Option<char> },
        }
        let value = (Shape::Point, Shape::Circle(0.5), Shape::Box { width: 2, label: Some('x') }, true);
        let text = form(value).escape_ascii().to_string();
        let zeros = |n| "\\x00".repeat(n);
        let expected = [
            format!("[<\\x05{0}Point.<\\x06{0}Circled{1}\\xe0?", zeros(7), zeros(6)),
            format!("<\\x03{0}Box{{s\\x05{0}widthi\\x02{1}", zeros(7), zeros(15)),
            format!("s\\x05{0}label1s\\x01{0}x.t.", zeros(7)),
        ];
        assert_eq!(text, expected.concat());
    }
}
