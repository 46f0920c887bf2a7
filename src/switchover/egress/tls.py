"""Whom we trust: the system's certificate authorities, and a company's own beside them. Never nobody."""

from __future__ import annotations

import ssl


def trusting(bundle: str | None = None) -> ssl.SSLContext:
    """A context that verifies certificate and host name, from TLS 1.2 on.

    ``bundle`` is a PEM file of authorities trusted beside the system's. Raises OSError when it can't be read,
    ValueError when it holds no certificate.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if bundle is not None:
        try:
            context.load_verify_locations(cafile=bundle)
        except ssl.SSLError as cause:
            # One of them is broken, or there is none.
            raise ValueError("no certificate that can be read") from cause
    return context


def distrust(error: ssl.SSLError) -> str:
    """Why a handshake failed, and how to mend what an operator can mend."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return (error.reason or str(error)).replace("_", " ").lower()
    why = error.verify_message
    # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, …_DEPTH_ZERO_SELF_SIGNED_CERT
    if error.verify_code in (18, 19, 20):
        why += "; where this is your company's own certificate authority, name its PEM file as egress.tls_ca"
    return why
