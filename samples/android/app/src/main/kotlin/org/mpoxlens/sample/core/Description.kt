package org.mpoxlens.sample.core

import java.security.MessageDigest
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.double
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive

const val FORMAT = 1
val OUTPUTS = listOf("logits", "cam", "embedding")
private const val AGAIN = "copy the file and its .json again, as mpoxlens optimise wrote them"

/** The JSON that `mpoxlens optimise` writes beside a file, as far as a phone needs it. */
data class Description(
    val name: String,
    val version: String,
    val runtime: String,
    val precision: String,
    val intendedUse: String,
    val sha256: String, // of the file
    val labels: List<String>, // in the order of the logits
    val positive: Int, // index of the label that is asked for
    val preprocess: Preprocess,
    val calibration: Calibration,
    val operatingPoint: Double,
    val conformal: Conformal,
    val ood: OutOfDistribution?, // null: the file does not say which pictures its network knows
    val mapPassed: Boolean?, // the heat map's sanity check; null: not told
)

/** Read and check a description. Throws a [Refusal] where an entry is missing, of another format or impossible. */
fun readDescription(text: String, file: String): Description {
    try {
        return checked(described(Json.parseToJsonElement(text).jsonObject))
    } catch (error: IllegalArgumentException) { // what the JSON library throws for every mistake, and `require` too
        val why = error.message.orEmpty().lineSequence().first()
        throw Refusal(file, "not a description of format $FORMAT ($why)", AGAIN)
    }
}

/** Refuse a file that is not the one described. */
fun checkFile(found: ByteArray, description: Description, file: String) {
    val hash = found.joinToString("") { "%02x".format(it) }
    if (hash != description.sha256) throw Refusal(file, "its sha256 is not that of its description", AGAIN)
}

fun sha256(): MessageDigest = MessageDigest.getInstance("SHA-256")

private fun described(json: JsonObject): Description {
    require(json.find("format").jsonPrimitive.int == FORMAT) { "another format" }
    require(json.find("input.name").jsonPrimitive.content == "photo") { "another input" }
    require(json.find("outputs").jsonArray.map { it.jsonPrimitive.content } == OUTPUTS) { "other outputs" }
    val labels = json.find("labels").jsonArray.map { it.jsonPrimitive.content }
    return Description(
        name = json.find("name").jsonPrimitive.content,
        version = json.find("version").jsonPrimitive.content,
        runtime = json.find("runtime").jsonPrimitive.content,
        precision = json.find("precision").jsonPrimitive.content,
        intendedUse = json.find("intended_use").jsonPrimitive.content,
        sha256 = json.find("sha256").jsonPrimitive.content,
        labels = labels,
        positive = labels.indexOf(json.find("positive").jsonPrimitive.content),
        preprocess = Preprocess(
            size = json.find("input.size").jsonPrimitive.int,
            mean = json.find("input.mean").floats(),
            std = json.find("input.std").floats(),
        ),
        calibration = Calibration(
            temperature = json.find("calibration.temperature").jsonPrimitive.double,
            bias = json.find("calibration.bias").jsonPrimitive.double,
        ),
        operatingPoint = json.find("operating_point").jsonPrimitive.double,
        conformal = Conformal(
            mpoxFrom = json.find("conformal.mpox_from").jsonPrimitive.double,
            otherTo = json.find("conformal.other_to").jsonPrimitive.double,
        ),
        ood = json.optional("ood")?.let { readOutOfDistribution(it.jsonObject) },
        mapPassed = json.optional("map")?.jsonObject?.find("passed")?.jsonPrimitive?.boolean,
    )
}

private fun checked(found: Description): Description {
    require(found.labels.size >= 2 && found.labels.toSet().size == found.labels.size) { "labels" }
    require(found.positive >= 0) { "positive is no label" }
    require(Regex("[0-9a-f]{64}").matches(found.sha256)) { "sha256" }
    require(found.preprocess.size in 16..4096 && found.preprocess.std.all { it > 0 }) { "input" }
    require(found.preprocess.mean.size == 3 && found.preprocess.std.size == 3) { "input" }
    require(found.calibration.temperature > 0 && found.calibration.bias.isFinite()) { "calibration" }
    require(found.operatingPoint in 0.0..1.0) { "operating_point" }
    require(found.conformal.mpoxFrom in 0.0..1.0 && found.conformal.otherTo in 0.0..1.0) { "conformal" }
    return found
}

/** The entry at a path such as "input.size". */
internal fun JsonObject.find(path: String): JsonElement =
    path.split('.').fold(this as JsonElement) { part, name -> requireNotNull(part.jsonObject[name]) { "no $path" } }

private fun JsonObject.optional(name: String): JsonElement? = this[name]

internal fun JsonElement.floats(): FloatArray =
    jsonArray.map { it.jsonPrimitive.double.toFloat() }.toFloatArray()
