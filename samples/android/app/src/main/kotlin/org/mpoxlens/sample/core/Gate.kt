package org.mpoxlens.sample.core

import kotlin.math.max
import kotlin.math.min
import kotlin.math.sqrt

/*
 * May this photograph be judged at all? Mirrors `mpoxlens/screening/gate.py`, where each bound is explained.
 */

const val COPY_SIDE = 256
const val TILE = 16
const val MIN_STORED_SIDE = 96
const val MIN_SKIN = 0.12
const val MIN_SHARPNESS = 2.75
const val MAX_BLOWN_OUT = 0.80
const val BLOWN_OUT = 250
const val MIN_BRIGHTEST = 40.0
const val MAX_DARKEST = 225.0
const val MIN_CONTRAST = 12.0
const val MIN_SUM = 45
val RED_SHARE = doubleArrayOf(0.345, 0.62)
const val MAX_GREEN_SHARE = 0.40
const val MIN_RED_OVER_GREEN = 0.012
const val MIN_GREEN_TO_BLUE = 0.82
const val MAX_RED_TO_BLUE = 6.0

/** A decoded photograph: upright, without metadata. */
class Photo(
    val pixels: Raster, // may be decoded at a reduced scale
    val width: Int, // as stored and turned upright, before any reduction
    val height: Int,
    val drawn: Boolean, // the file says of itself that it is a drawing
)

data class Gate(val usable: Boolean, val reasons: List<Reason>)

data class Measures(
    val skin: Double,
    val sharpness: Double,
    val darkest: Int,
    val brightest: Int,
    val blownOut: Double,
)

/** Measure a photograph and say whether it can be judged; every failed rule gives its reason. */
fun check(photo: Photo): Gate {
    val reasons = buildList {
        if (photo.drawn) add(Texts.reason("drawing"))
        addAll(failures(measure(photo.pixels), min(photo.width, photo.height)))
    }
    return Gate(reasons.isEmpty(), reasons)
}

/** A reason when the embedding lies outside what the network was trained on; a score that is no number is strange. */
fun strange(score: Double, threshold: Double): Reason? = if (score <= threshold) null else Texts.reason("unfamiliar")

/** Skin share, sharpness, and three measures of exposure. */
fun measure(pixels: Raster): Measures {
    val image = smallCopy(pixels)
    val grey = luma(image)
    val skin = BooleanArray(grey.size) { isSkin(image.level(3 * it), image.level(3 * it + 1), image.level(3 * it + 2)) }
    val below = shareBelow(grey)
    return Measures(
        skin = skin.count { it }.toDouble() / skin.size,
        sharpness = sharpness(grey, skin, image.width, image.height),
        darkest = below.indexOfFirst { it >= 0.05 },
        brightest = below.indexOfFirst { it >= 0.95 },
        blownOut = 1 - below[BLOWN_OUT],
    )
}

private fun smallCopy(pixels: Raster): Raster {
    val steps = (max(pixels.width, pixels.height) + COPY_SIDE - 1) / COPY_SIDE
    return if (steps >= 4) reduce(pixels, steps, steps) else thumbnail(pixels, COPY_SIDE, BOX)
}

/** Whether a colour may be skin of any tone; in single precision, as numpy compares. */
private fun isSkin(red: Int, green: Int, blue: Int): Boolean {
    val total = (red + green + blue).toFloat()
    return total > MIN_SUM &&
        red > RED_SHARE[0].toFloat() * total &&
        red < RED_SHARE[1].toFloat() * total &&
        green < MAX_GREEN_SHARE.toFloat() * total &&
        red - green > MIN_RED_OVER_GREEN.toFloat() * total &&
        green >= MIN_GREEN_TO_BLUE.toFloat() * blue &&
        red < MAX_RED_TO_BLUE.toFloat() * blue
}

/** The share of pixels at or below each of the 256 levels. */
private fun shareBelow(grey: IntArray): DoubleArray {
    val counts = IntArray(256)
    for (level in grey) counts[level]++
    var seen = 0
    return DoubleArray(256) {
        seen += counts[it]
        seen.toDouble() / grey.size
    }
}

/** The deviation of the Laplacian in the sharpest tile that shows skin: it is the skin that must be sharp. */
private fun sharpness(grey: IntArray, skin: BooleanArray, width: Int, height: Int): Double {
    val (inner, rows) = width - 2 to height - 2
    if (inner < 1 || rows < 1) return 0.0 // nothing to see in a copy so thin
    val (tileWidth, tileHeight) = min(TILE, inner) to min(TILE, rows)
    var (sharpest, sharpestSkin) = 0.0 to -1.0
    for (top in 1..rows - tileHeight + 1 step tileHeight) for (left in 1..inner - tileWidth + 1 step tileWidth) {
        val tile = tile(grey, skin, width, left until left + tileWidth, top until top + tileHeight)
        sharpest = max(sharpest, tile.deviation)
        if (tile.skin >= 0.5) sharpestSkin = max(sharpestSkin, tile.deviation)
    }
    return if (sharpestSkin >= 0) sharpestSkin else sharpest
}

private class Tile(val deviation: Double, val skin: Double)

private fun tile(grey: IntArray, skin: BooleanArray, width: Int, columns: IntRange, rows: IntRange): Tile {
    var (total, squares, shown) = Triple(0L, 0L, 0) // whole numbers, so exact
    for (y in rows) for (x in columns) {
        val n = y * width + x
        val laplacian = 4 * grey[n] - grey[n - 1] - grey[n + 1] - grey[n - width] - grey[n + width]
        total += laplacian
        squares += laplacian.toLong() * laplacian
        if (skin[n]) shown++
    }
    val count = (columns.count() * rows.count()).toDouble()
    val mean = total / count
    return Tile(sqrt(max(0.0, squares / count - mean * mean)), shown / count)
}

private fun failures(measures: Measures, shorterSide: Int): List<Reason> = buildList {
    if (shorterSide < MIN_STORED_SIDE) {
        add(Texts.reason("too_small", "side" to shorterSide, "least" to MIN_STORED_SIDE))
    }
    if (measures.brightest < MIN_BRIGHTEST) {
        add(Texts.reason("too_dark"))
    } else if (measures.darkest > MAX_DARKEST || measures.blownOut > MAX_BLOWN_OUT) {
        add(Texts.reason("too_bright"))
    }
    if (measures.brightest - measures.darkest < MIN_CONTRAST) add(Texts.reason("no_detail"))
    if (measures.skin < MIN_SKIN) add(Texts.reason("no_skin"))
    if (measures.sharpness < MIN_SHARPNESS) add(Texts.reason("blurred"))
}
