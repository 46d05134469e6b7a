package org.mpoxlens.sample.core

import kotlin.math.sqrt

/** What one pass of the network gives, row by row. */
class Outputs(
    val logits: FloatArray, // [C]
    val cam: FloatArray, // [C, h, h]; the mean over places is the logit
    val embedding: FloatArray, // [D]
)

/** A file in its runtime. Not safe to use from several threads at once. */
interface Network {
    /** Run the network on one photograph [1, 3, size, size]. */
    fun run(photo: FloatArray): Outputs
}

data class Screening(
    val verdict: Verdict,
    val probability: Double, // of mpox, by the photo alone
    val evidence: Evidence?, // null: not to be shown, since the map failed its check
    val oodChecked: Boolean, // whether a picture unlike all that the network knows would have been noticed
)

/** Screens one photograph: gate, preprocessing, network, rules. */
class Screener(private val description: Description, private val network: Network) {
    fun screen(photo: Photo): Screening {
        val gate = check(photo)
        val found = checked(network.run(description.preprocess(photo.pixels)))
        val ood = description.ood
        val odd = ood?.let { strange(it.score(found.embedding), it.threshold) }
        val probability = sigmoid(description.calibration.logOdds(found.logits, description.positive))
        val numbers = Numbers(gate, odd, probability)
        val verdict = decide(numbers, description.conformal, description.operatingPoint)
        val map = if (description.mapPassed == false) null else evidenceOf(found)
        return Screening(verdict, probability, map, oodChecked = ood != null)
    }

    private fun evidenceOf(found: Outputs): Evidence {
        val classes = description.labels.size
        val side = sqrt(found.cam.size.toDouble() / classes).toInt()
        return evidence(found.cam, classes, description.positive, side)
    }

    /** No decision may rest on numbers that are not finite, or that are not the described labels'. */
    private fun checked(found: Outputs): Outputs {
        val classes = description.labels.size
        val side = sqrt(found.cam.size.toDouble() / classes).toInt()
        val fits = found.logits.size == classes && side > 0 && found.cam.size == classes * side * side
        val finite = listOf(found.logits, found.cam, found.embedding).all { part -> part.all { it.isFinite() } }
        if (!fits || !finite) {
            val why = if (fits) "its network gave numbers that are not finite" else "its outputs are not as described"
            throw Refusal("${description.name} ${description.precision}", why, "write it again with mpoxlens optimise")
        }
        return found
    }
}
