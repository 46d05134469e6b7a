package org.mpoxlens.sample.core

import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows
import org.junit.Test

class PhotoLimitsTest {
    @Test
    fun `large JPEG files are decoded smaller`() {
        val sizes = listOf(640 to 480, 1279 to 2000, 1280 to 1280, 4032 to 3024, 8000 to 6000, 100 to 9000)
        assertEquals(listOf(1, 1, 2, 4, 8, 1), sizes.map { (width, height) -> decodeStep(width, height) })
    }

    @Test
    fun `what is too large, too small or moving is refused before it is decoded`() {
        checkHeader(12000, 9000, jpeg = true, animated = false)
        assertThrows(Refusal::class.java) { checkHeader(12000, 9000, jpeg = false, animated = false) }
        assertThrows(Refusal::class.java) { checkHeader(65535, 65535, jpeg = true, animated = false) }
        assertThrows(Refusal::class.java) { checkHeader(31, 900, jpeg = true, animated = false) }
        assertThrows(Refusal::class.java) { checkHeader(224, 224, jpeg = false, animated = true) }
        assertThrows(Refusal::class.java) { checkBytes(0) }
        assertThrows(Refusal::class.java) { checkBytes(MAX_BYTES + 1) }
    }

    @Test
    fun `what is transparent lies on white`() {
        val data = ByteArray(9)
        val half = 0x80 shl 24 // black
        putRgb(intArrayOf(half, 0xff0a141e.toInt(), 0), data, 0)
        assertEquals(listOf(127, 127, 127, 10, 20, 30, 255, 255, 255), data.map { it.toInt() and 255 })
    }
}
