"""FIDO: CTAPHID, U2F and CTAP2, from packets to signatures, without any input or output of its own."""
