//! The laboratory of messages: a real FreeSWITCH with the configuration that is shipped, and
//! phones that speak, listen, press keys and show a picture.

pub(crate) mod baresip;
mod call;
pub(crate) mod caller;
pub(crate) mod clip;
pub(crate) mod crowd;
pub(crate) mod ear;
pub(crate) mod esl;
pub(crate) mod g711;
pub(crate) mod house;
mod leg;
pub(crate) mod media;
pub(crate) mod phone;
pub(crate) mod sdp;
pub(crate) mod switch;
pub(crate) mod wav;

pub(crate) use call::Call;
pub(crate) use esl::Esl;
pub(crate) use media::Says;
pub(crate) use phone::{Manners, Phone, Takes, VideoOffered};
pub(crate) use sdp::Codec;
pub(crate) use switch::{Switch, installed};

pub(crate) use crate::live::{Lab, becomes, eventually, seconds};
