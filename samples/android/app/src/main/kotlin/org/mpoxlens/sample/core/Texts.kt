package org.mpoxlens.sample.core

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive

/** Why something was decided, in a code for machines and a sentence for people. */
data class Reason(val code: String, val text: String, val nextStep: String)

/** The English texts of the clinic, from the table that `web/tables.py` writes; the build puts it into the app. */
object Texts {
    private val strings: JsonObject by lazy {
        val stream = requireNotNull(Texts::class.java.getResourceAsStream("/strings.json")) { "built without texts" }
        Json.parseToJsonElement(stream.use { it.readBytes() }.decodeToString()).jsonObject
    }

    val intendedUse: String get() = text("intended_use")
    val nextLikely: String get() = text("next_step.likely")
    val nextUnlikely: String get() = text("next_step.unlikely")
    val care: String get() = text("next_step.care")

    fun reason(key: String, vararg values: Pair<String, Any>): Reason {
        val said = strings.find("reasons.$key").jsonObject
        val text = filled(said.find("text").jsonPrimitive.content, *values)
        return Reason(said.find("code").jsonPrimitive.content, text, said.find("next_step").jsonPrimitive.content)
    }

    /** Whole per cent; nobody is told that a model is certain. */
    fun percent(probability: Double): String {
        val whole = Math.rint(100 * probability).toInt()
        return when {
            whole < 1 -> text("percent.below")
            whole > 99 -> text("percent.above")
            else -> filled(text("percent.whole"), "share" to whole)
        }
    }

    private fun text(path: String): String = strings.find(path).jsonPrimitive.content

    private fun filled(text: String, vararg values: Pair<String, Any>): String =
        values.fold(text) { said, (name, value) -> said.replace("{$name}", value.toString()) }
}
