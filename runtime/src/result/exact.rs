//! Whether a value can be told from others once it is written: a formality that only few values fail.
//!
//! JSON has one word, `null`, for nothing, for a float that is infinite or not a number, and for a `Some` around one of these.
//! MessagePack has all floats, and one word for nothing and for a `Some` around it. Neither serializer takes that for an error,
//! so a value that has been written with the word in it is looked through once more.

use std::fmt;

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// An error if a value would come back from JSON as another.
pub(crate) fn check_json<T: Serialize + ?Sized>(value: &T) -> Result<()> {
    value.serialize(Check { json: true }).map(drop)
}

/// An error if a value would come back from MessagePack as another.
pub(super) fn check_messagepack<T: Serialize + ?Sized>(value: &T) -> Result<()> {
    value.serialize(Check { json: false }).map(drop)
}

/// Why a value would come back as another.
#[derive(Debug)]
pub(crate) struct Inexact(String);

impl fmt::Display for Inexact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Inexact {}

impl Error for Inexact {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

type Result<T> = std::result::Result<T, Inexact>;

/// Writes nothing, and says whether what was written is the word for nothing.
#[derive(Clone, Copy)]
struct Check {
    json: bool,
}

impl Check {
    fn float(self, is_finite: bool) -> Result<bool> {
        if is_finite || !self.json {
            return Ok(false);
        }
        Err(Inexact("JSON has no floats that are infinite or not a number; MessagePack has".into()))
    }

    fn part<T: Serialize + ?Sized>(self, value: &T) -> Result<()> {
        value.serialize(self).map(drop)
    }
}

macro_rules! scalars {
    ($($name:ident: $type:ty),*) => {
        $(fn $name(self, _: $type) -> Result<bool> {
            Ok(false)
        })*
    };
}

/// What has parts, each of which is looked at.
macro_rules! compounds {
    ($($trait:ident: $($method:ident($($name:ident: $name_type:ty)?)),*;)*) => {
        $(impl $trait for Check {
            type Ok = bool;
            type Error = Inexact;

            $(fn $method<T: Serialize + ?Sized>(&mut self, $($name: $name_type,)? value: &T) -> Result<()> {
                self.part(value)
            })*

            fn end(self) -> Result<bool> {
                Ok(false)
            }
        })*
    };
}

compounds! {
    SerializeSeq: serialize_element();
    SerializeTuple: serialize_element();
    SerializeTupleStruct: serialize_field();
    SerializeTupleVariant: serialize_field();
    SerializeMap: serialize_key(), serialize_value();
    SerializeStruct: serialize_field(_name: &'static str);
    SerializeStructVariant: serialize_field(_name: &'static str);
}

impl Serializer for Check {
    type Ok = bool;
    type Error = Inexact;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    scalars! {
        serialize_bool: bool, serialize_char: char, serialize_str: &str, serialize_bytes: &[u8],
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128
    }

    fn serialize_f32(self, float: f32) -> Result<bool> {
        self.float(float.is_finite())
    }

    fn serialize_f64(self, float: f64) -> Result<bool> {
        self.float(float.is_finite())
    }

    fn serialize_none(self) -> Result<bool> {
        Ok(true)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<bool> {
        if value.serialize(self)? {
            return Err(Inexact("a `Some` around nothing would be read as `None`".into()));
        }
        Ok(false)
    }

    fn serialize_unit(self) -> Result<bool> {
        Ok(true)
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<bool> {
        Ok(self.json)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
    ) -> Result<bool> {
        Ok(false)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result<bool> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        value: &T,
    ) -> Result<bool> {
        self.part(value).map(|()| false)
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Self> {
        Ok(self)
    }

    fn serialize_tuple(self, _length: usize) -> Result<Self> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _name: &'static str, _length: usize) -> Result<Self> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self> {
        Ok(self)
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Self> {
        Ok(self)
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Self> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _length: usize,
    ) -> Result<Self> {
        Ok(self)
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _text: &T) -> Result<bool> {
        Ok(false)
    }

    fn is_human_readable(&self) -> bool {
        self.json
    }
}
