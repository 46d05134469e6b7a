package org.mpoxlens.sample.core

/** What a person or a developer can mend, in one line: what came, why it is refused, what to do. */
class Refusal(what: String, why: String, mend: String) : Exception("$what: $why; $mend")
