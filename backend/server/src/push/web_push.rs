//! Web Push: a message that only one app can read, and who it is from, in the form that every push
//! service takes. RFC 8291 (encryption, over RFC 8188), RFC 8292 (VAPID). Pure: keys, salt and time come
//! in as arguments.

use aes_gcm::aead::{Aead, KeyInit};
use aes_gcm::{Aes128Gcm, Nonce};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{Signature, SigningKey};
use p256::{PublicKey, SecretKey};
use protocol::Millis;
use serde::Serialize;
use sha2::Sha256;

/// The one record that a push is: services take 4,096 bytes in all.
const RECORD: u32 = 4_096;
/// What is said is filled up to a multiple of this, so that its length says little.
const BLOCK: usize = 512;
/// Most bytes that can be said: what remains of 4,096 after header, tag and delimiter.
pub const LONGEST: usize = 3_583;
/// How long a token is good: services take at most 24 hours.
const TOKEN_SECONDS: Millis = 12 * 60 * 60;

/// The app's side of a subscription.
#[derive(Clone)]
pub struct Keys {
    public: PublicKey,
    auth: [u8; 16],
}

impl Keys {
    /// From what the app has said; `None` when it is no point of P-256, or no 16 bytes.
    #[must_use]
    pub fn read(p256dh: &str, auth: &str) -> Option<Self> {
        let point = URL_SAFE_NO_PAD.decode(p256dh).ok()?;
        // Uncompressed, as browsers give it: what is signed over is these bytes.
        (point.len() == 65).then_some(())?;
        let public = PublicKey::from_sec1_bytes(&point).ok()?;
        Some(Self { public, auth: URL_SAFE_NO_PAD.decode(auth).ok()?.try_into().ok()? })
    }
}

/// The body of the request: `plain` for whoever has the private half of `to`. `own` is a key for this
/// message alone. `None` when it is longer than [`LONGEST`].
#[must_use]
pub fn encrypt(to: &Keys, own: &SecretKey, salt: [u8; 16], plain: &[u8]) -> Option<Vec<u8>> {
    (plain.len() <= LONGEST).then_some(())?;
    // The delimiter of the last record, and zeros behind it.
    let mut filled = plain.to_vec();
    filled.push(2);
    filled.resize(filled.len().next_multiple_of(BLOCK), 0);
    seal(to, own, salt, &filled)
}

fn seal(to: &Keys, own: &SecretKey, salt: [u8; 16], filled: &[u8]) -> Option<Vec<u8>> {
    let (theirs, ours) = (to.public.to_sec1_bytes(), own.public_key().to_sec1_bytes());
    let shared = p256::ecdh::diffie_hellman(own.to_nonzero_scalar(), to.public.as_affine());
    let (key, nonce) = derive(&to.auth, shared.raw_secret_bytes(), [&theirs, &ours], salt)?;
    let cipher = Aes128Gcm::new_from_slice(&key).ok()?;
    let sealed = cipher.encrypt(&Nonce::try_from(&nonce[..]).ok()?, filled).ok()?;
    let mut body = Vec::with_capacity(86 + sealed.len());
    body.extend(salt);
    body.extend(RECORD.to_be_bytes());
    body.push(u8::try_from(ours.len()).ok()?);
    body.extend_from_slice(&ours);
    body.extend(sealed);
    Some(body)
}

/// Key and nonce: RFC 8291, section 3.4. `public` are the app's key and the message's.
fn derive(
    auth: &[u8; 16],
    shared: &[u8],
    public: [&[u8]; 2],
    salt: [u8; 16],
) -> Option<([u8; 16], [u8; 12])> {
    let (mut secret, mut key, mut nonce) = ([0; 32], [0; 16], [0; 12]);
    let info = [b"WebPush: info\0", public[0], public[1]].concat();
    Hkdf::<Sha256>::new(Some(auth), shared).expand(&info, &mut secret).ok()?;
    let keys = Hkdf::<Sha256>::new(Some(&salt), &secret);
    keys.expand(b"Content-Encoding: aes128gcm\0", &mut key).ok()?;
    keys.expand(b"Content-Encoding: nonce\0", &mut nonce).ok()?;
    Some((key, nonce))
}

/// The key by which push services know this server.
#[derive(Clone)]
pub struct Vapid {
    key: SigningKey,
    public: String,
    contact: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    exp: Millis,
    #[serde(skip_serializing_if = "str::is_empty")]
    sub: &'a str,
}

impl Vapid {
    /// With this private key. `contact` is where a push service finds whoever runs this server, a
    /// `mailto:` or `https:` URI; empty for none.
    #[must_use]
    pub fn new(key: &SecretKey, contact: &str) -> Self {
        let public = URL_SAFE_NO_PAD.encode(key.public_key().to_sec1_bytes());
        Self { key: key.into(), public, contact: contact.into() }
    }

    /// The public key, as apps and push services take it.
    #[must_use]
    pub fn public(&self) -> &str {
        &self.public
    }

    /// What stands in `Authorization` of a request to this origin.
    #[must_use]
    pub fn authorization(&self, origin: &str, now: Millis) -> String {
        let claims = Claims { aud: origin, exp: now / 1_000 + TOKEN_SECONDS, sub: &self.contact };
        let said = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"ES256"}"#),
            URL_SAFE_NO_PAD.encode(protocol::wire::encode(&claims))
        );
        let signature: Signature = self.key.sign(said.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signature.to_bytes());
        format!("vapid t={said}.{signature}, k={}", self.public)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        URL_SAFE_NO_PAD.decode(text).unwrap()
    }

    /// RFC 8291, section 5 and appendix A.
    #[test]
    fn the_example_of_the_standard_comes_out_byte_by_byte() {
        let keys = Keys::read(
            "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            "BTBZMqHH6r4Tts7J_aSIgg",
        );
        let own = bytes("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw");
        let own = SecretKey::from_slice(&own).unwrap();
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().unwrap();
        let mut plain = b"When I grow up, I want to be a watermelon".to_vec();
        plain.push(2);
        let body = seal(&keys.unwrap(), &own, salt, &plain).unwrap();
        assert_eq!(
            URL_SAFE_NO_PAD.encode(body),
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml\
             mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT\
             pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
        );
    }

    #[test]
    fn a_body_is_never_longer_than_services_take_and_says_little_of_its_length() {
        let own = SecretKey::from_slice(&[7; 32]).unwrap();
        let public = URL_SAFE_NO_PAD.encode(own.public_key().to_sec1_bytes());
        let keys = Keys::read(&public, &URL_SAFE_NO_PAD.encode([1; 16])).unwrap();
        let length =
            |plain: usize| encrypt(&keys, &own, [0; 16], &vec![b'x'; plain]).map(|b| b.len());
        assert_eq!(length(1), length(BLOCK - 1));
        assert!(length(LONGEST).unwrap() <= RECORD as usize);
        assert_eq!(length(LONGEST + 1), None);
    }

    #[test]
    fn what_is_no_key_is_none() {
        let own = SecretKey::from_slice(&[7; 32]).unwrap().public_key();
        let (public, auth) = (own.to_sec1_bytes(), URL_SAFE_NO_PAD.encode([1; 16]));
        let read =
            |key: &[u8], auth: &str| Keys::read(&URL_SAFE_NO_PAD.encode(key), auth).is_some();
        assert!(read(&public, &auth));
        let mut beside = public.to_vec();
        beside[64] ^= 1;
        assert!(!read(&beside, &auth), "no point of the curve");
        assert!(!read(&public[..64], &auth));
        assert!(!read(&[0], &auth), "the point at infinity");
        assert!(!read(&public, &auth[1..]));
        assert!(!read(&public, "not base64!"));
        assert!(Keys::read("+/==", &auth).is_none());
    }
}
