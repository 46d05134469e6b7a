package org.mpoxlens.sample.core

import kotlin.math.abs
import kotlin.math.ceil
import kotlin.math.floor
import kotlin.math.max
import kotlin.math.min

/*
 * Pillow's 8-bit resampling in its own fixed-point arithmetic, so that phone, page and command line see the same
 * pixels. Source: Pillow 13, src/libImaging/Resample.c and Reduce.c; `Image.resize` and `Image.thumbnail` in Image.py.
 */

/** Pixels, three bytes each, R G B, row by row: [height, width, 3]. */
class Raster(val data: ByteArray, val width: Int, val height: Int)

class Filter(val support: Double, val weight: (Double) -> Double)

val BILINEAR = Filter(1.0) { x -> max(0.0, 1 - abs(x)) }
val BOX = Filter(0.5) { x -> if (x > -0.5 && x <= 0.5) 1.0 else 0.0 }

private const val PRECISION = 22 // bits after the point of a coefficient: 32 - 8 of a pixel - 2 of head room
private const val HALF = 1 shl (PRECISION - 1)

/** Where an output pixel begins to read, and its weights, which sum to 1. */
class Tap(val start: Int, val weights: DoubleArray)

/** Resize to [height, width, 3]; by whole steps first where that leaves [gap] times the target. */
fun resize(image: Raster, width: Int, height: Int, filter: Filter, gap: Double): Raster {
    if (image.width == width && image.height == height) return image
    val stepX = max(1, (image.width.toDouble() / width / gap).toInt())
    val stepY = max(1, (image.height.toDouble() / height / gap).toInt())
    if (stepX == 1 && stepY == 1) {
        return resample(image, width, height, filter, image.width.toDouble(), image.height.toDouble())
    }
    val spanX = (image.width.toDouble() / stepX).toFloat() // in single precision, as in C; it may end inside a pixel
    val spanY = (image.height.toDouble() / stepY).toFloat()
    return resample(reduce(image, stepX, stepY), width, height, filter, spanX.toDouble(), spanY.toDouble())
}

/** Shrink to fit a square, keeping the shape; a smaller image stays as it is. */
fun thumbnail(image: Raster, side: Int, filter: Filter): Raster {
    if (image.width <= side && image.height <= side) return image
    val aspect = image.width.toDouble() / image.height
    return if (aspect <= 1) {
        resize(image, nearer(side * aspect) { abs(aspect - it / side) }, side, filter, 2.0)
    } else {
        resize(image, side, nearer(side / aspect) { if (it == 0.0) 0.0 else abs(aspect - side / it) }, filter, 2.0)
    }
}

/** Average blocks of [stepX] x [stepY]; those at the right and lower edge may be smaller. */
fun reduce(image: Raster, stepX: Int, stepY: Int): Raster {
    val width = (image.width + stepX - 1) / stepX
    val height = (image.height + stepY - 1) / stepY
    val data = ByteArray(width * height * 3)
    val sums = IntArray(width * 3)
    for (y in 0 until height) {
        val rows = min(stepY, image.height - y * stepY)
        sums.fill(0)
        for (row in 0 until rows) addRow(image, y * stepY + row, stepX, sums)
        for (n in sums.indices) {
            val count = rows * min(stepX, image.width - n / 3 * stepX)
            val multiplier = (4294967296f / (256 * count)).toLong() // single precision, as in C
            data[y * width * 3 + n] = ((sums[n] + count / 2) * multiplier shr 24).toByte()
        }
    }
    return Raster(data, width, height)
}

/** ITU-R BT.601 grey levels [height, width], as Pillow's mode "L". */
fun luma(image: Raster): IntArray = IntArray(image.width * image.height) {
    val warm = 19595 * image.level(3 * it) + 38470 * image.level(3 * it + 1)
    (warm + 7471 * image.level(3 * it + 2) + 0x8000) ushr 16
}

fun Raster.level(place: Int): Int = data[place].toInt() and 255

private fun addRow(image: Raster, row: Int, step: Int, sums: IntArray) {
    var from = row * image.width * 3
    for (x in 0 until image.width) {
        val to = x / step * 3
        for (channel in 0 until 3) sums[to + channel] += image.level(from++)
    }
}

/*
 * Two passes. Columns go first where that takes away more than twice as many rows as the other way would take columns:
 * Pillow 13 does so; older versions always begin with the rows, which makes one level in a few pixels.
 */
private fun resample(image: Raster, width: Int, height: Int, filter: Filter, spanX: Double, spanY: Double): Raster {
    fun across(from: Raster) =
        if (width == from.width && spanX == width.toDouble()) from else horizontal(from, width, spanX, filter)
    fun down(from: Raster) =
        if (height == from.height && spanY == height.toDouble()) from else vertical(from, height, spanY, filter)
    val less = image.height - height
    return if (less > 0 && less > 2 * (image.width - width)) across(down(image)) else down(across(image))
}

/** The taps of each of [out] pixels; [span] is the part of [size] that they cover. */
fun taps(size: Int, span: Double, out: Int, filter: Filter): List<Tap> {
    val scale = span / out
    val stretch = max(scale, 1.0)
    val support = filter.support * stretch
    return List(out) { n ->
        val centre = (n + 0.5) * scale
        val start = max(0, (centre - support + 0.5).toInt())
        val count = min(size, (centre + support + 0.5).toInt()) - start
        val raw = DoubleArray(count) { filter.weight((it + start - centre + 0.5) * (1 / stretch)) }
        val total = raw.sum()
        Tap(start, if (total == 0.0) raw else DoubleArray(count) { raw[it] / total })
    }
}

private fun Tap.fixed() = IntArray(weights.size) { (0.5 + weights[it] * (1 shl PRECISION)).toInt() }

private fun horizontal(image: Raster, width: Int, span: Double, filter: Filter): Raster {
    val data = ByteArray(width * image.height * 3)
    taps(image.width, span, width, filter).forEachIndexed { x, tap ->
        val weights = tap.fixed()
        for (y in 0 until image.height) for (channel in 0 until 3) {
            val from = (y * image.width + tap.start) * 3 + channel
            data[(y * width + x) * 3 + channel] = weighted(image, from, 3, weights)
        }
    }
    return Raster(data, width, image.height)
}

private fun vertical(image: Raster, height: Int, span: Double, filter: Filter): Raster {
    val row = image.width * 3
    val data = ByteArray(row * height)
    taps(image.height, span, height, filter).forEachIndexed { y, tap ->
        val weights = tap.fixed()
        for (n in 0 until row) data[y * row + n] = weighted(image, tap.start * row + n, row, weights)
    }
    return Raster(data, image.width, height)
}

private fun weighted(image: Raster, from: Int, step: Int, weights: IntArray): Byte {
    var sum = HALF
    for (k in weights.indices) sum += image.level(from + k * step) * weights[k]
    return (sum shr PRECISION).coerceIn(0, 255).toByte()
}

private fun nearer(value: Double, distance: (Double) -> Double): Int {
    val (down, up) = floor(value) to ceil(value)
    return max((if (distance(up) < distance(down)) up else down).toInt(), 1)
}
