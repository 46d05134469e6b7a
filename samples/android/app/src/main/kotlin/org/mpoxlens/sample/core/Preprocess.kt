package org.mpoxlens.sample.core

// A large photograph is first averaged by whole steps to at least this many times the target.
const val REDUCING_GAP = 1.5

/**
 * From a decoded photograph to the network's input: squash the whole photograph to [size] x [size], then standardise.
 * Mirrors `mpoxlens/preprocess.py`; nothing is cut off, since a lesion at the edge counts.
 */
class Preprocess(
    val size: Int, // px, both sides
    val mean: FloatArray, // of RGB in 0..1
    val std: FloatArray,
) {
    /** Turn pixels into the network's input [3, size, size]. */
    operator fun invoke(pixels: Raster): FloatArray = normalise(resize(pixels))

    /** Resize to [size, size, 3], bilinear with a support that grows with the scale. */
    fun resize(pixels: Raster): Raster = resize(pixels, size, size, BILINEAR, REDUCING_GAP)

    /** Standardise [size, size, 3] to planes [3, size, size], in single precision as numpy does. */
    fun normalise(pixels: Raster): FloatArray {
        val area = size * size
        val planes = FloatArray(3 * area)
        for (plane in 0 until 3) {
            val levels = FloatArray(256) { (it / 255f - mean[plane]) / std[plane] }
            for (n in 0 until area) planes[plane * area + n] = levels[pixels.level(3 * n + plane)]
        }
        return planes
    }
}
