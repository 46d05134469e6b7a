package org.mpoxlens.sample.core

/*
 * From numbers to one of three decisions, and why. Mirrors `mpoxlens/screening/decide.py`; the worst error is a wrong
 * "unlikely", so every rule leans away from it.
 */

const val STRONGLY_AGAINST = 0.55 // a total likelihood ratio of the answers at or below

enum class Decision(val words: String) {
    LIKELY("mpox likely"),
    UNLIKELY("mpox unlikely"),
    CANNOT_TELL("cannot tell"),
}

/** All that a decision rests on. This sample asks no questions; their numbers stand here for an app that does. */
data class Numbers(
    val gate: Gate,
    val strange: Reason?, // why the photo cannot be judged though it is usable
    val photoProbability: Double, // of mpox, photo alone
    val probability: Double = photoProbability, // photo and answers together
    val likelihoodRatio: Double = 1.0, // of the answers
    val suspectedCase: Boolean? = null, // WHO definition
    val contact: Boolean? = null, // with a case within 21 days
)

data class Verdict(
    val decision: Decision,
    val predictionSet: List<String>, // subset of ("mpox", "other")
    val reasons: List<Reason>,
    val nextStep: String,
)

/**
 * Decide by the prediction set and the operating point: "likely" and "unlikely" need a set of one member, on the same
 * side of the operating point; "unlikely" needs that of the photograph alone too.
 */
fun decide(numbers: Numbers, conformal: Conformal, operatingPoint: Double): Verdict {
    val members = conformal.predictionSet(numbers.probability)
    val alone = outcome(numbers.photoProbability, conformal, operatingPoint)
    val both = outcome(numbers.probability, conformal, operatingPoint)
    val withheld = withheld(numbers, alone, both)
    if (withheld.isEmpty() && both != Decision.CANNOT_TELL) {
        return verdict(both, members, grounds(numbers, both, operatingPoint))
    }
    return verdict(Decision.CANNOT_TELL, members, withheld.ifEmpty { listOf(undecided(members, alone)) })
}

private fun outcome(probability: Double, conformal: Conformal, operatingPoint: Double): Decision =
    when (side(probability, conformal, operatingPoint)) {
        "mpox" -> Decision.LIKELY
        "other" -> Decision.UNLIKELY
        else -> Decision.CANNOT_TELL
    }

/** What forbids a decision, the gravest first; what the photo shows counts only where it can be judged. */
private fun withheld(numbers: Numbers, alone: Decision, both: Decision): List<Reason> = when {
    !numbers.gate.usable -> numbers.gate.reasons.ifEmpty { listOf(Texts.reason("unusable")) }
    numbers.strange != null -> numbers.gate.reasons + numbers.strange
    else -> numbers.gate.reasons + listOfNotNull(conflict(numbers, alone, both))
}

private fun conflict(numbers: Numbers, alone: Decision, both: Decision): Reason? {
    val against = numbers.suspectedCase == false || numbers.likelihoodRatio <= STRONGLY_AGAINST || both != alone
    return when {
        numbers.contact == true && (alone == Decision.UNLIKELY || both == Decision.UNLIKELY) ->
            Texts.reason("history_contradicts_contact")
        alone == Decision.UNLIKELY && both == Decision.LIKELY -> Texts.reason("history_contradicts_for")
        alone == Decision.LIKELY && against -> Texts.reason("history_contradicts_against")
        both == Decision.UNLIKELY && alone != Decision.UNLIKELY -> Texts.reason("history_alone")
        else -> null
    }
}

private fun undecided(members: List<String>, alone: Decision): Reason = when {
    alone != Decision.CANNOT_TELL -> Texts.reason("answers_undecide")
    members.size == 2 -> Texts.reason("both_fit")
    else -> Texts.reason("none_fits")
}

private fun grounds(numbers: Numbers, outcome: Decision, operatingPoint: Double): List<Reason> = buildList {
    val likely = outcome == Decision.LIKELY
    val share = "share" to Texts.percent(numbers.photoProbability)
    add(Texts.reason(if (likely) "photo_likely" else "photo_unlikely", share))
    if (numbers.likelihoodRatio > 1) add(Texts.reason("history_for"))
    if (numbers.likelihoodRatio < 1) add(Texts.reason("history_against"))
    if (numbers.suspectedCase == true) add(Texts.reason("suspected_case"))
    if (likely && numbers.probability < 0.5) add(Texts.reason("low_line", "share" to Texts.percent(operatingPoint)))
}

private fun verdict(decision: Decision, members: List<String>, reasons: List<Reason>): Verdict {
    val next = when (decision) {
        Decision.LIKELY -> Texts.nextLikely
        Decision.UNLIKELY -> Texts.nextUnlikely
        Decision.CANNOT_TELL -> "${reasons.first().nextStep} ${Texts.care}".trim()
    }
    return Verdict(decision, members, reasons, next)
}
