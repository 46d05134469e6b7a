package org.mpoxlens.sample.core

import org.junit.Assert.assertEquals
import org.junit.Assert.assertNull
import org.junit.Assert.assertThrows
import org.junit.Assert.assertTrue
import org.junit.Test

class DescriptionTest {
    private val hash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" // of nothing
    private val whole = """{
        "format": 1, "name": "tiny", "version": "1", "runtime": "litert", "precision": "fp32", "intended_use": "none",
        "input": {"name": "photo", "size": 16, "mean": [0.5, 0.4, 0.3], "std": [0.5, 0.25, 0.2]},
        "outputs": ["logits", "cam", "embedding"], "labels": ["mpox", "measles"], "positive": "mpox",
        "calibration": {"temperature": 1, "bias": 0}, "operating_point": 0.25,
        "conformal": {"alpha": 0.1, "mpox_from": 0.2, "other_to": 0.55}, "sha256": "$hash"
    }"""

    @Test
    fun `a description is read`() {
        val found = readDescription(whole, "m.json")
        assertEquals(0, found.positive)
        assertEquals(0.55, found.conformal.otherTo, 0.0)
        assertEquals(listOf(0.5f, 0.4f, 0.3f), found.preprocess.mean.toList())
        assertNull(found.ood)
    }

    @Test
    fun `what is impossible is refused in one line`() {
        val changes = listOf(
            "\"format\": 1" to "\"format\": 2",
            "\"format\": 1" to "\"format\": [1]",
            "\"cam\", " to "",
            "\"positive\": \"mpox\"" to "\"positive\": \"zoster\"",
            "0.5, 0.25, 0.2" to "0.5, 0, 0.2",
            "\"operating_point\": 0.25," to "",
            "\"temperature\": 1" to "\"temperature\": 0",
            hash to "abc",
            "{" to "[",
        )
        for ((from, to) in changes) {
            val refusal = assertThrows("$from to $to", Refusal::class.java) {
                readDescription(whole.replaceFirst(from, to), "m.json")
            }
            assertTrue("$refusal", Regex("m.json: not a description of format 1 .*").matches(refusal.message.orEmpty()))
        }
    }

    @Test
    fun `another file is refused`() {
        val found = readDescription(whole, "m.json")
        checkFile(sha256().digest(), found, "m.tflite")
        val other = sha256().digest(byteArrayOf(1))
        val refusal = assertThrows(Refusal::class.java) { checkFile(other, found, "m.tflite") }
        assertTrue(refusal.message.orEmpty().startsWith("m.tflite: its sha256 is not that of its description; "))
    }
}
