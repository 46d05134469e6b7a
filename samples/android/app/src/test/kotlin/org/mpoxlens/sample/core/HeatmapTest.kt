package org.mpoxlens.sample.core

import java.util.Base64
import kotlinx.serialization.json.JsonNull
import org.junit.Assert.assertEquals
import org.junit.Test

class HeatmapTest {
    @Test
    fun `maps are Python's`() {
        for (case in vectors("screenings").find("cases").rows) {
            val map = evidence(halfFloats(case.at("cam").text), classes = 4, positive = 1, side = 7)
            assertEquals(case.at("strongest").text, strongest(map))
            val expected = case.at("overlay")
            if (expected is JsonNull) continue
            val rgba = Base64.getDecoder().decode(expected.text).map { it.toInt() and 255 }
            val argb = rgba.chunked(4).map { (r, g, b, a) -> a shl 24 or (r shl 16) or (g shl 8) or b }
            assertEquals(argb, overlay(map, 13, 17).toList())
        }
    }

    @Test
    fun `evidence is the positive map less the mean of the others`() {
        val cam = floatArrayOf(1f, 3f, 5f, 7f, 0f, 1f, 2f, 3f, 4f, 3f, 2f, 1f)
        val map = evidence(cam, classes = 3, positive = 0, side = 2)
        assertEquals(listOf(-1f, 1f, 3f, 5f), map.values.toList())
        assertEquals("lower right", strongest(map))
    }
}
