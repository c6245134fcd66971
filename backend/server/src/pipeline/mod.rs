//! From accept to deliver: accept → conversation log → sequence → storage → fan out → inbox →
//! deliver. The same stages run over the embedded parts and over a cluster's.

pub mod accept;
pub mod dead;
pub mod deliver;
pub mod fan_out;
pub mod fold;
pub mod inbox;
pub mod lanes;
pub mod list;
pub mod record;
pub mod sequence;
pub(crate) mod stage;
pub mod state;
pub mod version;
