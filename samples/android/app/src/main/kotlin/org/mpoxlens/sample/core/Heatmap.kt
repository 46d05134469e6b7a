package org.mpoxlens.sample.core

import kotlin.math.abs
import kotlin.math.min

/*
 * Where the evidence lies: the signed class activation map as a picture and in words. Mirrors
 * `mpoxlens/screening/heatmap.py`.
 */

val FOR = intArrayOf(202, 68, 154) // RGB; as light and as strong as the other, in OKLCH
val AGAINST = intArrayOf(48, 153, 9)
const val SATURATION = MAX_LOG_ODDS
const val MAX_ALPHA = 0.8 // the skin stays visible under the strongest evidence
const val FAINT = 0.15 // of SATURATION; below it a place is not worth naming

private val ROWS = listOf("upper", "middle", "lower")
private val COLUMNS = listOf("left", "centre", "right")

/** How much each place [height, width] speaks for the positive class over the mean of the others, in logit units. */
class Evidence(val values: FloatArray, val width: Int, val height: Int)

/** From the class activation maps [classes, side, side], whose mean over places is the logit. */
fun evidence(cam: FloatArray, classes: Int, positive: Int, side: Int): Evidence {
    val area = side * side
    val values = FloatArray(area) { n ->
        val others = (0 until classes).filter { it != positive }.sumOf { cam[it * area + n].toDouble() }
        (cam[positive * area + n] - others / (classes - 1)).toFloat()
    }
    return Evidence(values, side, side)
}

/** Colours ARGB [height, width], not premultiplied, to be laid over the photograph; a weak map looks weak. */
fun overlay(map: Evidence, width: Int, height: Int): IntArray {
    val smooth = enlarged(map, width, height)
    return IntArray(smooth.size) {
        val (red, green, blue) = if (smooth[it] > 0) FOR else AGAINST
        val strength = min(abs(smooth[it].toDouble()) / SATURATION, 1.0)
        val alpha = Math.rint(255 * MAX_ALPHA * strength).toInt()
        alpha shl 24 or (red shl 16) or (green shl 8) or blue
    }
}

/** Where the strongest evidence for the positive class lies, such as "upper left"; "" when all is faint. */
fun strongest(map: Evidence): String {
    val top = map.values.indices.maxByOrNull { map.values[it] } ?: return ""
    if (map.values[top] < FAINT * SATURATION) return ""
    val place = "${ROWS[third(top / map.width, map.height)]} ${COLUMNS[third(top % map.width, map.width)]}"
    return if (place == "middle centre") "centre" else place
}

private fun third(index: Int, count: Int): Int = (3 * (index + 0.5) / count).toInt()

/** Pillow's bilinear resize of a float image: rows, then columns, kept in single precision between them. */
private fun enlarged(map: Evidence, width: Int, height: Int): FloatArray {
    val wide = FloatArray(width * map.height)
    taps(map.width, map.width.toDouble(), width, BILINEAR).forEachIndexed { x, tap ->
        for (y in 0 until map.height) wide[y * width + x] = weighted(map.values, y * map.width + tap.start, 1, tap)
    }
    val whole = FloatArray(width * height)
    taps(map.height, map.height.toDouble(), height, BILINEAR).forEachIndexed { y, tap ->
        for (x in 0 until width) whole[y * width + x] = weighted(wide, tap.start * width + x, width, tap)
    }
    return whole
}

private fun weighted(values: FloatArray, from: Int, step: Int, tap: Tap): Float =
    tap.weights.indices.sumOf { tap.weights[it] * values[from + it * step] }.toFloat()
