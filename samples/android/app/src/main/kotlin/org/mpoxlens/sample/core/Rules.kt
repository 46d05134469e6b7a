package org.mpoxlens.sample.core

import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.util.Base64
import kotlin.math.exp
import kotlin.math.ln
import kotlin.math.max
import kotlin.math.sqrt
import kotlin.math.tanh
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.double
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonPrimitive

const val MAX_LOG_ODDS = 8.0 // no photograph is allowed to make us surer than 0.9997

/** Temperature scaling with a bias for the positive class. Mirrors `mpoxlens/rules.py`. */
data class Calibration(val temperature: Double, val bias: Double) {
    /** The calibrated log-odds of the positive label. */
    fun logOdds(logits: FloatArray, positive: Int): Double {
        val scaled = logits.map { it / temperature }
        val others = scaled.filterIndexed { n, _ -> n != positive }
        val top = others.max()
        val rest = top + ln(others.sumOf { exp(it - top) })
        return (scaled[positive] - rest + bias).coerceIn(-MAX_LOG_ODDS, MAX_LOG_ODDS)
    }
}

/** Class-conditional split-conformal prediction set on P(mpox). */
data class Conformal(
    val mpoxFrom: Double, // "mpox" is in the set when P >= this
    val otherTo: Double, // "other" is in the set when P <= this
) {
    fun predictionSet(probability: Double): List<String> = buildList {
        if (probability >= mpoxFrom) add("mpox")
        if (probability <= otherTo) add("other")
    }
}

/** Distance of the embedding's direction from the training photographs, in their principal components. */
class OutOfDistribution(
    private val mean: FloatArray, // [D]
    private val components: List<FloatArray>, // [K, D], each divided by its standard deviation
    private val residual: Double, // root mean square of what the components leave, in training
    val threshold: Double, // scores above it are unlike anything that the network knows
) {
    /** About 1 for a typical training photograph. */
    fun score(embedding: FloatArray): Double {
        val length = max(1e-12, sqrt(embedding.sumOf { it.toDouble() * it }))
        val centred = DoubleArray(mean.size) { embedding[it] / length - mean[it] }
        val left = centred.copyOf()
        var inside = 0.0
        for (component in components) {
            val scaled = component.indices.sumOf { centred[it] * component[it] }
            val square = component.sumOf { it.toDouble() * it }
            for (d in left.indices) left[d] -= scaled / square * component[d]
            inside += scaled * scaled / components.size
        }
        val outside = left.sumOf { it * it } / (residual * residual)
        return sqrt(0.5 * inside + 0.5 * outside)
    }
}

/** The one member of the prediction set if the operating point agrees, else null. */
fun side(probability: Double, conformal: Conformal, operatingPoint: Double): String? {
    val agreed = if (probability >= operatingPoint) "mpox" else "other"
    return conformal.predictionSet(probability).singleOrNull()?.takeIf { it == agreed }
}

/** The probability of log-odds, without overflow. */
fun sigmoid(logOdds: Double): Double = 0.5 * (1 + tanh(0.5 * logOdds))

/** Read the entry "ood" as a bundle writes it: base64 of little-endian half floats, row by row. */
fun readOutOfDistribution(json: JsonObject): OutOfDistribution {
    val (k, d) = json.find("dimensions").jsonArray.map { it.jsonPrimitive.int }
    val mean = halfFloats(json.find("mean").jsonPrimitive.content)
    val rows = halfFloats(json.find("components").jsonPrimitive.content)
    require(k > 0 && mean.size == d && rows.size == k * d) { "ood: sizes disagree" }
    return OutOfDistribution(
        mean,
        List(k) { rows.copyOfRange(it * d, (it + 1) * d) },
        json.find("residual").jsonPrimitive.double,
        json.find("threshold").jsonPrimitive.double,
    )
}

fun halfFloats(base64: String): FloatArray {
    val bytes = ByteBuffer.wrap(Base64.getDecoder().decode(base64)).order(ByteOrder.LITTLE_ENDIAN).asShortBuffer()
    return FloatArray(bytes.remaining()) { halfFloat(bytes[it].toInt()) }
}

private fun halfFloat(bits: Int): Float {
    val sign = if (bits and 0x8000 != 0) -1f else 1f
    val exponent = bits shr 10 and 0x1f
    val fraction = bits and 0x3ff
    return when (exponent) {
        0 -> sign * fraction * Math.scalb(1f, -24)
        0x1f -> if (fraction != 0) Float.NaN else sign * Float.POSITIVE_INFINITY
        else -> sign * (1 + fraction / 1024f) * Math.scalb(1f, exponent - 15)
    }
}
