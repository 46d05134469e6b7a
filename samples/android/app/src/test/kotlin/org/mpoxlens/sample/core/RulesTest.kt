package org.mpoxlens.sample.core

import kotlin.math.ln
import kotlinx.serialization.json.jsonObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Test

class RulesTest {
    @Test
    fun `log-odds are calibrated`() {
        val logits = floatArrayOf(2f, 0f, 0f)
        assertEquals(2 / 0.5 - ln(2.0) + 0.25, Calibration(0.5, 0.25).logOdds(logits, 0), 1e-12)
        assertEquals(-ln(1 + Math.exp(2.0)), Calibration(1.0, 0.0).logOdds(logits, 1), 1e-12)
        assertEquals(MAX_LOG_ODDS, Calibration(0.01, 0.0).logOdds(logits, 0), 0.0)
    }

    @Test
    fun `a side needs a set of one that the operating point agrees with`() {
        val wide = Conformal(mpoxFrom = 0.2, otherTo = 0.55)
        assertEquals(listOf("mpox", "other"), wide.predictionSet(0.55))
        assertEquals("mpox", side(0.6, wide, 0.25))
        assertEquals("other", side(0.1, wide, 0.25))
        assertNull(side(0.3, wide, 0.25))
        assertNull(side(0.1, Conformal(0.05, 0.05), 0.25)) // the set says mpox, the operating point does not
    }

    @Test
    fun `decisions are Python's`() {
        for (case in vectors("decisions").find("cases").rows) {
            val given = case.at("given").rows
            val reasons = List(given[1].whole) { Texts.reason("too_small", "side" to 60, "least" to MIN_STORED_SIDE) }
            val odd = if (given[2].truth) Texts.reason("unfamiliar") else null
            val numbers = Numbers(
                Gate(given[0].truth, reasons), odd, given[3].number, given[4].number, given[5].number,
                given[6].known, given[7].known,
            )
            val found = decide(numbers, Conformal(given[8].number, given[9].number), given[10].number)
            val (decision, members, next) = case.at("expected").rows
            assertEquals("$given", decision.text, found.decision.words)
            assertEquals("$given", members.texts, found.predictionSet)
            assertEquals("$given", next.text, found.nextStep)
            val expected = case.at("reasons").rows
            assertEquals("$given", plain(expected), said(found.reasons, expected))
        }
    }

    @Test
    fun `whole screenings are Python's`() {
        val spec = vectors("screenings").find("spec").jsonObject
        val labels = spec.find("labels").texts
        val positive = labels.indexOf(spec.find("positive").text)
        val calibration = Calibration(spec.find("calibration.temperature").number, spec.find("calibration.bias").number)
        val ood = readOutOfDistribution(spec.find("ood").jsonObject)
        for (case in vectors("screenings").find("cases").rows) {
            val expected = case.at("expected").jsonObject
            val logits = halfFloats(case.at("logits").text)
            val probability = sigmoid(calibration.logOdds(logits, positive))
            assertEquals(expected.find("photo_probability").number, probability, 1.5e-6)
            assertEquals(expected.find("ood_score").number, ood.score(halfFloats(case.at("embedding").text)), 1.5e-6)
        }
    }
}
