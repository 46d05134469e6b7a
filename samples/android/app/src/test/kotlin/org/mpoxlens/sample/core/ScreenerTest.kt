package org.mpoxlens.sample.core

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonPrimitive
import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

class ScreenerTest {
    private val description = Description(
        "tiny", "1", "litert", "fp32", "", "", listOf("mpox", "measles"), 0,
        Preprocess(16, floatArrayOf(0f, 0f, 0f), floatArrayOf(1f, 1f, 1f)),
        Calibration(1.0, 0.0), 0.25, Conformal(0.2, 0.55), ood = null, mapPassed = null,
    )

    private fun photo(kind: String): Photo {
        val picture = JsonArray(listOf(JsonPrimitive(kind)) + listOf(224, 224, 0).map { JsonPrimitive(it) })
        return Photo(drawn(picture), 224, 224, drawn = false)
    }

    private class Fixed(private val outputs: Outputs) : Network {
        override fun run(photo: FloatArray) = outputs
    }

    private fun screen(kind: String, vararg logits: Float): Screening {
        val cam = FloatArray(8) { logits[it / 4] }
        return Screener(description, Fixed(Outputs(logits, cam, floatArrayOf(1f)))).screen(photo(kind))
    }

    @Test
    fun `the decision follows the numbers and the gate`() {
        assertEquals(Decision.LIKELY, screen("skin", 2f, 0f).verdict.decision)
        assertEquals(Decision.UNLIKELY, screen("skin", -2f, 0f).verdict.decision)
        assertEquals(Decision.CANNOT_TELL, screen("skin", 0f, 0.5f).verdict.decision) // P = 0.38: both fit
        assertEquals(Decision.CANNOT_TELL, screen("foliage", 2f, 0f).verdict.decision)
        assertTrue(!screen("skin", 2f, 0f).oodChecked)
    }

    @Test
    fun `no decision rests on numbers that are not finite or not the labels'`() {
        val nan = assertThrows(Refusal::class.java) { screen("skin", Float.NaN, 0f) }
        assertTrue("not finite" in nan.message.orEmpty())
        val other = Fixed(Outputs(floatArrayOf(1f), floatArrayOf(1f), floatArrayOf(1f)))
        val refusal = assertThrows(Refusal::class.java) { Screener(description, other).screen(photo("skin")) }
        assertTrue("not as described" in refusal.message.orEmpty())
    }
}
