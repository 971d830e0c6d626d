//! Any value into a [`Pack`]: serde's side of it.

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::pack::{
    END, FALSE, FLOAT, LIST, MAP, NEGATIVE, NEW, NULL, NoJson, OLD, Pack, TRUE, WORD,
};

/// Adds one value.
pub(super) struct Writing<'a>(pub(super) &'a mut Pack);

/// Adds the parts of one value, then as many ends.
pub(super) struct Parts<'a> {
    pack: &'a mut Pack,
    ends: u8,
}

type Done = Result<(), NoJson>;

impl<'a> Writing<'a> {
    fn parts(self, tag: u8) -> Parts<'a> {
        self.0.bytes.push(tag);
        Parts { pack: self.0, ends: 1 }
    }

    /// `{"variant":` and what begins with `tag`.
    fn variant(self, variant: &'static str, tag: u8) -> Parts<'a> {
        self.0.bytes.push(MAP);
        self.0.name(variant);
        self.0.bytes.push(tag);
        Parts { pack: self.0, ends: 2 }
    }
}

macro_rules! unsigned {
    ($($name:ident $type:ty),*) => { $(
        fn $name(self, number: $type) -> Done {
            self.0.unsigned(number.into());
            Ok(())
        }
    )* };
}

macro_rules! signed {
    ($($name:ident $type:ty),*) => { $(
        fn $name(self, number: $type) -> Done {
            self.serialize_i64(number.into())
        }
    )* };
}

impl<'a> Serializer for Writing<'a> {
    type Ok = ();
    type Error = NoJson;
    type SerializeSeq = Parts<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Parts<'a>;
    type SerializeMap = Parts<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Parts<'a>;

    unsigned!(serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64);
    signed!(serialize_i8 i8, serialize_i16 i16, serialize_i32 i32);

    fn serialize_bool(self, is: bool) -> Done {
        self.0.bytes.push(if is { TRUE } else { FALSE });
        Ok(())
    }

    fn serialize_i64(self, number: i64) -> Done {
        match u64::try_from(number) {
            Ok(number) => self.0.unsigned(number),
            Err(_) => {
                self.0.bytes.push(NEGATIVE);
                self.0.length(number.unsigned_abs() - 1);
            }
        }
        Ok(())
    }

    fn serialize_f32(self, number: f32) -> Done {
        self.serialize_f64(number.into())
    }

    fn serialize_f64(self, number: f64) -> Done {
        self.0.bytes.push(FLOAT);
        self.0.bytes.extend_from_slice(&number.to_le_bytes());
        Ok(())
    }

    fn serialize_char(self, character: char) -> Done {
        self.serialize_str(character.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Done {
        self.0.string(text);
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Done {
        bytes.serialize(self)
    }

    fn serialize_none(self) -> Done {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Done {
        self.0.bytes.push(NULL);
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Done {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        self.0.name(variant);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Done {
        self.0.bytes.push(MAP);
        self.0.name(variant);
        value.serialize(Writing(&mut *self.0))?;
        self.0.bytes.push(END);
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts<'a>, NoJson> {
        Ok(self.parts(LIST))
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts<'a>, NoJson> {
        Ok(self.parts(LIST))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, NoJson> {
        Ok(self.parts(LIST))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, NoJson> {
        Ok(self.variant(variant, LIST))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts<'a>, NoJson> {
        Ok(self.parts(MAP))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, NoJson> {
        Ok(self.parts(MAP))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, NoJson> {
        Ok(self.variant(variant, MAP))
    }
}

impl Parts<'_> {
    fn add<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        value.serialize(Writing(&mut *self.pack))
    }

    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Done {
        self.pack.name(name);
        self.add(value)
    }

    fn close(self) -> Done {
        self.pack.bytes.extend(std::iter::repeat_n(END, self.ends.into()));
        Ok(())
    }
}

macro_rules! list {
    ($($trait:ident $add:ident),*) => { $(
        impl $trait for Parts<'_> {
            type Ok = ();
            type Error = NoJson;

            fn $add<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
                self.add(value)
            }

            fn end(self) -> Done {
                self.close()
            }
        }
    )* };
}

list!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

macro_rules! fields {
    ($($trait:ident),*) => { $(
        impl $trait for Parts<'_> {
            type Ok = ();
            type Error = NoJson;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Done {
                self.field(name, value)
            }

            fn end(self) -> Done {
                self.close()
            }
        }
    )* };
}

fields!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for Parts<'_> {
    type Ok = ();
    type Error = NoJson;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        let before = self.pack.bytes.len();
        self.add(key)?;
        let tag = self.pack.bytes.get(before);
        if tag.is_some_and(|tag| matches!(*tag, OLD | NEW | WORD..)) { Ok(()) } else { Err(NoJson) }
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.add(value)
    }

    fn end(self) -> Done {
        self.close()
    }
}
