package org.mpoxlens.sample.core

import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Test

class PreprocessTest {
    private val halves = floatArrayOf(0.5f, 0.5f, 0.5f)

    @Test
    fun `resizing gives Pillow's pixels`() {
        for (case in vectors("pictures").find("resizes").rows) {
            val picture = case.at("picture").rows
            val size = case.at("size").whole
            val out = Preprocess(size, halves, halves).resize(drawn(picture))
            val hash = sha256().digest(out.data).joinToString("") { "%02x".format(it) }
            assertEquals("$picture to $size", case.at("sha256").text, hash)
        }
    }

    @Test
    fun `neighbours are weighed by a triangle that grows with the scale`() {
        val out = resize(grey(0, 0, 80, 80), 2, 1, BILINEAR, 4.0)
        // Centres 1 and 3 of 4, support 2: weights 1/4, 3/4, 3/4, 1/4 over three and a half pixels, cut at the edge.
        assertEquals(listOf(11, 69), listOf(out.level(0), out.level(3))) // 80 / 7 and 80 * 6 / 7
    }

    @Test
    fun `planes are standardised`() {
        val data = ByteArray(16 * 16 * 3)
        for ((place, level) in listOf(255, 51, 102).withIndex()) data[3 + place] = level.toByte()
        val spec = Preprocess(16, floatArrayOf(0.5f, 0.25f, 0f), floatArrayOf(0.5f, 0.25f, 1f))
        val out = spec.normalise(Raster(data, 16, 16))
        val found = floatArrayOf(out[0], out[1], out[256], out[257], out[512], out[513])
        assertArrayEquals(floatArrayOf(-1f, 1f, -1f, -0.2f, 0f, 0.4f), found, 1e-6f) // (51 / 255 - .25) / .25 = -.2
    }

    private fun grey(vararg levels: Int): Raster =
        Raster(levels.flatMap { level -> List(3) { level.toByte() } }.toByteArray(), levels.size, 1)
}
