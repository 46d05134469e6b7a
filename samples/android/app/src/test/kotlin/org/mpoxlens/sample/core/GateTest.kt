package org.mpoxlens.sample.core

import kotlinx.serialization.json.JsonArray
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

class GateTest {
    @Test
    fun `measures and reasons are Python's`() {
        for (case in vectors("pictures").find("gates").rows) {
            val picture = case.at("picture").rows
            val pixels = drawn(picture)
            val found = check(Photo(pixels, pixels.width, pixels.height, drawn = false))
            val expected = case.at("reasons") as JsonArray
            assertEquals("$picture", plain(expected), said(found.reasons, expected))
            assertEquals("$picture", expected.isEmpty(), found.usable)
            near(picture, case.at("measures").numbers(), measure(pixels))
        }
    }

    @Test
    fun `a drawing is refused`() {
        val pixels = drawn(vectors("pictures").find("gates").rows[1].at("picture").rows)
        val drawing = check(Photo(pixels, pixels.width, pixels.height, drawn = true))
        assertEquals("drawing", drawing.reasons.first().code)
        assertTrue(isDrawn("\u0089PNG....tEXtmpoxlens\u0000phantom....".toByteArray(Charsets.ISO_8859_1)))
        assertTrue(!isDrawn("\u00ff\u00d8....mpoxlens\u0000phantom".toByteArray(Charsets.ISO_8859_1)))
    }

    private fun near(picture: JsonArray, expected: Map<String, Double>, found: Measures) {
        val measured = mapOf(
            "skin" to found.skin,
            "sharpness" to found.sharpness,
            "darkest" to found.darkest.toDouble(),
            "brightest" to found.brightest.toDouble(),
            "blown_out" to found.blownOut,
        )
        for ((name, value) in measured) assertEquals("$picture $name", expected.getValue(name), value, 1.1e-4)
    }
}
