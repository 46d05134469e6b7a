package org.mpoxlens.sample.core

import kotlin.math.max
import kotlin.math.min

/*
 * What is refused before anything is decoded, and at which scale the rest is decoded. Mirrors `mpoxlens/photo.py`.
 */

const val MAX_BYTES = 67108864 // 64 MB
const val MAX_PIXELS = 120000000
const val MAX_RAW_PIXELS = 50000000 // for formats that cannot be decoded at a reduced scale
const val MIN_SIDE = 32
const val WORKING_SIDE = 640 // px of the shorter side that decoding keeps at least
private const val SAID_EARLY = 4096 // bytes within which a drawing says what it is
private const val ANOTHER = "choose another photo"

fun checkBytes(bytes: Int) {
    if (bytes == 0) throw Refusal("0 bytes", "an empty file holds no photo", ANOTHER)
    if (bytes > MAX_BYTES) throw Refusal("a large file", "the limit is ${MAX_BYTES shr 20} MB", "send a smaller copy")
}

/** Refuse animations, specks and decompression bombs by what the header says. */
fun checkHeader(width: Int, height: Int, jpeg: Boolean, animated: Boolean) {
    val size = "$width x $height pixels"
    if (animated) throw Refusal("several frames", "an animation is not a photo", ANOTHER)
    if (min(width, height) < MIN_SIDE) throw Refusal(size, "a photo has at least $MIN_SIDE a side", ANOTHER)
    val limit = if (jpeg) MAX_PIXELS else MAX_RAW_PIXELS
    if (width.toLong() * height > limit) {
        throw Refusal(size, "the limit is ${limit / 1_000_000} million pixels", "send a smaller copy")
    }
}

/** 1, 2, 4 or 8: how much smaller to decode a JPEG, while the shorter side keeps [WORKING_SIDE]. */
fun decodeStep(width: Int, height: Int): Int {
    val scale = max(1.0, min(width, height).toDouble() / WORKING_SIDE)
    val room = min(width / (width / scale).toInt(), height / (height / scale).toInt())
    return listOf(8, 4, 2).firstOrNull { room >= it } ?: 1
}

/** Does a PNG say of itself that it is a drawing of mpoxlens? Such a picture is never judged. */
fun isDrawn(bytes: ByteArray): Boolean {
    val early = String(bytes, 0, min(bytes.size, SAID_EARLY), Charsets.ISO_8859_1)
    return early.startsWith("\u0089PNG") && "mpoxlens\u0000phantom" in early
}

/** Colours ARGB, not premultiplied, to three bytes from [place] on; what is transparent lies on white. */
fun putRgb(colours: IntArray, data: ByteArray, place: Int) {
    var to = place
    for (colour in colours) {
        val alpha = colour ushr 24
        for (shift in intArrayOf(16, 8, 0)) {
            val level = colour shr shift and 255
            data[to++] = ((level * alpha + 255 * (255 - alpha) + 127) / 255).toByte()
        }
    }
}
