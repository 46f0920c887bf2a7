"""Time-stamps of a third party (RFC 3161): the question, whether an answer is to it, and whose signature it bears.

Nothing here calls anybody. The signature is checked as CMS has it (RFC 5652, section 5.4) with RSA (PKCS #1 v1.5),
ECDSA or Ed25519; whether the authority's certificate was revoked is not asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

from .verify import der, inside, stamp

OID, INTEGER, OCTETS, SEQUENCE, SET, NULL, BOOLEAN = 0x06, 0x02, 0x04, 0x30, 0x31, 0x05, 0x01
SHA256 = bytes.fromhex("608648016503040201")
HASHES: dict[bytes, hashes.HashAlgorithm] = {
    SHA256: hashes.SHA256(),
    bytes.fromhex("608648016503040202"): hashes.SHA384(),
    bytes.fromhex("608648016503040203"): hashes.SHA512(),
}
CONTENT_TYPE = bytes.fromhex("2a864886f70d010903")
MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010904")
SIGNING_CERTIFICATE = bytes.fromhex("2a864886f70d010910020c")
SIGNING_CERTIFICATE_V2 = bytes.fromhex("2a864886f70d010910022f")
# id-ct-TSTInfo
TIME_STAMP = bytes.fromhex("2a864886f70d0109100104")
GRANTED = (0, 1)
# Authorities whose chains are longer than this are none that we know.
LONGEST_CHAIN = 5


def tlv(tag: int, *parts: bytes) -> bytes:
    """A value in DER."""
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def query(digest: bytes, nonce: int) -> bytes:
    """The question (TimeStampReq) for a SHA-256, with the authority's certificate wanted in the answer."""
    imprint = tlv(SEQUENCE, tlv(SEQUENCE, tlv(OID, SHA256), tlv(NULL)), tlv(OCTETS, digest))
    number = tlv(INTEGER, nonce.to_bytes(nonce.bit_length() // 8 + 1, "big"))
    return tlv(SEQUENCE, tlv(INTEGER, b"\1"), imprint, number, tlv(BOOLEAN, b"\xff"))


def accept(answer: bytes, digest: bytes, nonce: int) -> datetime:
    """When the authority saw the digest. Raises ValueError unless it granted exactly this question."""
    try:
        status = int.from_bytes(inside(answer, 0, 0, 0), "big")
    except (ValueError, IndexError):
        raise ValueError("it is no time-stamp answer") from None
    if status not in GRANTED:
        raise ValueError(f"the authority refused, status {status}")
    found, told = stamp(answer)
    if found != digest:
        raise ValueError("it is of something else")
    info = der(inside(inside(answer, 0, 1, 1, 0), 2, 1, 0, 0))
    if not any(tag == INTEGER and int.from_bytes(value, "big") == nonce for tag, value, _ in info[5:]):
        raise ValueError("it is the answer to another question")
    return moment(told)


def moment(told: str) -> datetime:
    """A GeneralizedTime as DER has it: UTC, perhaps with a fraction."""
    whole, _, fraction = told.removesuffix("Z").partition(".")
    found = datetime.strptime(whole, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    return found.replace(microsecond=int(fraction[:6].ljust(6, "0"))) if fraction else found


def check_signature(answer: bytes, trusted: Sequence[x509.Certificate]) -> x509.Certificate:
    """The certificate that signed a time-stamp, where it is ``trusted`` or issued by one that is.

    Raises ValueError that says what does not hold.
    """
    try:
        return _checked(answer, trusted)
    except IndexError:
        raise ValueError("it is cut short") from None
    except InvalidSignature:
        raise ValueError("its signature is not that of the authority's key") from None
    except (UnsupportedAlgorithm, TypeError, OverflowError, x509.InvalidVersion, x509.DuplicateExtension) as cause:
        raise ValueError(f"a certificate in it can't be read: {cause}") from cause


def _checked(answer: bytes, trusted: Sequence[x509.Certificate]) -> x509.Certificate:
    signed = der(inside(answer, 0, 1, 1, 0))
    content = inside(signed[2][1], 1, 0)
    signers = der(signed[-1][1])
    if inside(signed[2][1], 0) != TIME_STAMP or len(signers) != 1:
        raise ValueError("it is no time-stamp with one signature")
    signer = der(signers[0][1])
    if len(signer) < 6 or signer[3][0] != 0xA0:
        raise ValueError("its signature covers no attributes")
    (_, issuer_and_serial, _), algorithm = signer[1], HASHES.get(inside(signer[2][1], 0))
    if algorithm is None:
        raise ValueError("it is signed over a hash that we do not take (SHA-256, SHA-384 and SHA-512 are)")
    embedded = [x509.load_der_x509_certificate(raw) for _, raw in _certificates(signed)]
    certificate = _signing(issuer_and_serial, [*trusted, *embedded])
    attributes = {inside(value, 0): inside(value, 1, 0) for _, value, _ in der(signer[3][1])}
    _check_attributes(attributes, content, algorithm, certificate)
    # What is signed is the SET OF itself, not the tag under which it stands in the token.
    _verify(certificate, signer[5][1], bytes([SET]) + signer[3][2][1:], algorithm)
    _check_certificate(certificate, moment(stamp(answer)[1]))
    _check_chain(certificate, embedded, trusted)
    return certificate


def _certificates(signed: list[tuple[int, bytes, bytes]]) -> list[tuple[int, bytes]]:
    return [(tag, raw) for kind, value, _ in signed if kind == 0xA0 for tag, _, raw in der(value)]


def _signing(issuer_and_serial: bytes, known: Sequence[x509.Certificate]) -> x509.Certificate:
    _, serial = der(issuer_and_serial)
    issuer = der(issuer_and_serial)[0][2]
    number = int.from_bytes(serial[1], "big")
    for one in known:
        if one.serial_number == number and one.issuer.public_bytes() == issuer:
            return one
    raise ValueError("the certificate that signed it is neither in it nor given")


def _check_attributes(
    attributes: dict[bytes, bytes], content: bytes, algorithm: hashes.HashAlgorithm, certificate: x509.Certificate
) -> None:
    digest = hashes.Hash(algorithm)
    digest.update(content)
    if attributes.get(CONTENT_TYPE) != TIME_STAMP or attributes.get(MESSAGE_DIGEST) != digest.finalize():
        raise ValueError("what it says is not what was signed")
    # The first ESSCertID is the signer's; of version 2 without an algorithm it is SHA-256, of version 1 SHA-1.
    for name, default in ((SIGNING_CERTIFICATE_V2, hashes.SHA256()), (SIGNING_CERTIFICATE, hashes.SHA1())):  # noqa: S303  # RFC 2634 knows no other
        if name in attributes:
            named = der(inside(attributes[name], 0, 0))
            if named[0][0] == SEQUENCE:
                found = HASHES.get(inside(named[0][1], 0))
                wanted = certificate.fingerprint(found) if found is not None else b""
                del named[0]
            else:
                wanted = certificate.fingerprint(default)
            if named[0][1] != wanted:
                raise ValueError("it names another certificate than the one that signed it")
            return
    raise ValueError("it does not name the certificate that signed it")


def _verify(certificate: x509.Certificate, signature: bytes, data: bytes, algorithm: hashes.HashAlgorithm) -> None:
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, data, padding.PKCS1v15(), algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, data, ec.ECDSA(algorithm))
    elif isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, data)
    else:
        raise ValueError("the authority signs in a way that we do not check (RSA, ECDSA and Ed25519 are)")


def _check_certificate(certificate: x509.Certificate, at: datetime) -> None:
    try:
        use = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        raise ValueError("the certificate is not one of a time-stamp authority") from None
    if list(use.value) != [ExtendedKeyUsageOID.TIME_STAMPING] or not use.critical:
        raise ValueError("the certificate is not one of a time-stamp authority alone")
    if not certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc:
        raise ValueError("the certificate was not valid at that moment")


def _check_chain(
    certificate: x509.Certificate, embedded: Sequence[x509.Certificate], trusted: Sequence[x509.Certificate]
) -> None:
    """From the signer up, over what the token brings, to a certificate that was given."""
    at = certificate
    for _ in range(LONGEST_CHAIN):
        if at in trusted or any(_issued(at, by) for by in trusted):
            return
        above = next((by for by in embedded if by != at and _issued(at, by)), None)
        if above is None:
            break
        at = above
    raise ValueError("the certificate that signed it does not lead to one that was given")


def _issued(certificate: x509.Certificate, by: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(by)
        constraints = by.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
        return False
    return constraints.ca
