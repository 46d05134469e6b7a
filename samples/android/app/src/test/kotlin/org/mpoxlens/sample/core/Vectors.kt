package org.mpoxlens.sample.core

import kotlin.math.abs
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.double
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive

/* The vectors that Python writes with `web/vectors.py`, and the pictures that they are of. */

fun vectors(name: String): JsonObject {
    val stream = requireNotNull(object {}.javaClass.getResourceAsStream("/$name.json")) { "no vectors $name" }
    return Json.parseToJsonElement(stream.use { it.readBytes() }.decodeToString()).jsonObject
}

val JsonElement.text: String get() = jsonPrimitive.content
val JsonElement.number: Double get() = jsonPrimitive.double
val JsonElement.whole: Int get() = jsonPrimitive.int
val JsonElement.truth: Boolean get() = jsonPrimitive.boolean
val JsonElement.known: Boolean? get() = if (this is JsonNull) null else jsonPrimitive.boolean
val JsonElement.rows: JsonArray get() = jsonArray
val JsonElement.texts: List<String> get() = jsonArray.map { it.text }

/** Code, text and next step of reasons, or their codes alone, as the vectors have them. */
fun said(reasons: List<Reason>, expected: JsonArray): List<Any> {
    val whole = expected.any { it is JsonArray }
    return reasons.map { if (whole) listOf(it.code, it.text, it.nextStep) else it.code }
}

fun plain(expected: JsonArray): List<Any> = expected.map { if (it is JsonArray) it.texts else it.text }

/** A picture drawn from whole numbers alone, as web/pictures.py draws it: [kind, width, height, seed]. */
fun drawn(picture: JsonArray): Raster {
    val kind = vectors("pictures").find("kinds").jsonObject.getValue(picture[0].text).rows
    val (width, height, seed) = picture.drop(1).map { it.whole }
    val base = kind[0].rows.map { it.whole }
    val data = ByteArray(width * height * 3)
    for (y in 0 until height) for (x in 0 until width) {
        val wave = kind[1].whole * abs((3 * x + 2 * y + 11 * seed) % 128 - 64) / 64
        for (channel in 0 until 3) {
            val place = (y * width + x) * 3 + channel
            val level = base[channel] + wave + (noise(place + seed * 7919) and kind[2].whole)
            data[place] = level.coerceIn(0, 255).toByte()
        }
    }
    return Raster(data, width, height)
}

private fun noise(place: Int): Int {
    var value = place
    repeat(2) { value = (value xor (value ushr 16)) * 0x45d9f3b }
    return value xor (value ushr 16)
}

fun JsonElement.at(name: String): JsonElement = jsonObject.getValue(name)
fun JsonElement.numbers(): Map<String, Double> = jsonObject.mapValues { it.value.number }
