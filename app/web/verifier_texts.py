"""What the verifier in a browser says: its scripts hold no words of their own."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

CHECKS = {
    "policy": _l("The proof was made under the policy that it is checked under"),
    "checkpoint": _l("The state of the log is signed by whom the policy asks for"),
    "entries": _l("Each entry shown is what its hash says"),
    "genesis": _l("The first entry of the log is the one that is known"),
    "inclusion": _l("Every entry stands in the log under that signed state"),
    "keys": _l("Each entry is signed with a key that was valid where it stands"),
    "parents": _l("What entries rest on stands in the log before them"),
    "seen": _l("What signers had seen of the log agrees with it"),
    "disclosures": _l("Private values fit the digests in the entries"),
    "subject": _l("The entries are about the label, claim and lot named"),
}
"""By the names that every verifier gives its checks."""

SHARED = {
    "holds": _l("holds"),
    "failed": _l("failed"),
    "colon": _l(": "),
    "cosigned_by": _l("Witnesses that signed this state of the log"),
    "not_cosigned": _l(
        "No witness signed this state of the log with it: whether somebody else was "
        "shown another one cannot be seen here."
    ),
    "size": _l("Size of the log"),
    "ended": _l("The proof shows that label or claim have ended"),
}

LABEL = {
    "agrees": _l(
        "This browser fetched the proof and checked it itself: it holds, as the server "
        "says."
    ),
    "fault_too": _l("This browser checked the proof itself and finds a fault too."),
    "disagrees": _l("This browser does not confirm what the server says."),
    "not_confirmed": _l("Not confirmed"),
    "what": _l("What was checked"),
    "no_proof": _l(
        "This browser got no proof to check. The server’s verdict stands alone."
    ),
    "figures": _l("Code, share and lot on this page are those that were signed"),
    "unexpected": _l("The proof holds here, while a check of the server failed"),
}

ALONE = {
    "holds_whole": _l("The proof holds"),
    "agrees_alone": _l("Agrees with itself"),
    "sentence_agrees_alone": _l(
        "Every check holds, under the policy that the file itself brings along. Give "
        "the policy that you trust: only then does it show whose log this is."
    ),
    "holds_not": _l("The proof does not hold"),
    "holds_no_longer": _l("Holds no longer"),
    "no_bundle": _l("No proof"),
    "sentence_holds": _l("Every check below holds, under the policy named."),
    "sentence_holds_not": _l("A check failed: believe nothing that the file says."),
    "sentence_no_longer": _l("Every check holds, and what was claimed has ended."),
    "sentence_no_bundle": _l("This file is no proof of a label."),
    "sentence_no_policy": _l("That file is no policy of a log."),
    "anchor_own": _l("Checked under the policy that you gave."),
    "anchor_bundle": _l(
        "Checked under the policy inside the file itself: this shows that the file "
        "agrees with itself, and not whose log it is. Give a policy that you had "
        "before, or got from somebody else."
    ),
    "anchor_no_genesis": _l(
        "The policy names no first entry: that of the file was taken."
    ),
    "share": _l("Recycled metal"),
    "no_claim": _l("No claim is made."),
    "claim": _l("Claim"),
    "lot": _l("Lot"),
    "organisation": _l("Organisation"),
    "signed_with": _l("Signed with"),
    "held_organisation": _l("key kept by the organisation itself"),
    "held_platform": _l("key kept by this platform on its behalf"),
    "reason": _l("Reason given"),
    "what": _l("What was checked"),
    "mass": _l("Mass claimed"),
    "stated_at": _l("Stated at, as the signer says"),
    "log": _l("The log"),
    "too_large": _l("The file is larger than 100 MB: it is no proof of a label."),
}
"""By the names that ``verify_alone.js`` gives them."""

PAGE = {
    "title": _l("Check a proof yourself"),
    "lead": _l(
        "This page works from disk, without network: what you open stays on this "
        "device."
    ),
    "pick_bundle": _l("The proof that you downloaded (.json)"),
    "pick_policy": _l("The policy of the log that you trust"),
    "drop": _l("Or drop the files anywhere on this page."),
    "limits": _l("What no check of a proof can show"),
    "limit_true": _l(
        "That what was signed is true: only that it was signed, and stays."
    ),
    "limit_metal": _l("That the metal in your hand is the metal of the label."),
    "limit_later": _l(
        "That the claim was not withdrawn after the proof was made: ask the log again."
    ),
    "limit_anchor": _l(
        "That the policy is the right one: take it from elsewhere than the proof."
    ),
    "no_script": _l("This page checks by a script, and scripts are switched off."),
}
"""What ``verify.html`` says around it."""
