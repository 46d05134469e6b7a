package org.mpoxlens.sample

import android.content.Context
import java.io.File
import java.io.IOException
import java.security.DigestOutputStream
import org.mpoxlens.sample.core.Description
import org.mpoxlens.sample.core.Network
import org.mpoxlens.sample.core.Refusal
import org.mpoxlens.sample.core.Screener
import org.mpoxlens.sample.core.checkFile
import org.mpoxlens.sample.core.readDescription
import org.mpoxlens.sample.core.sha256

private const val THREADS = 2
private const val PLACE = "put one .tflite or .pte file and its .json into app/src/main/assets, and build again"

/** The one model among the app's assets, checked against its description. Throws a [Refusal]. */
fun openScreener(context: Context): Screener {
    val names = context.assets.list("").orEmpty().filter { it.endsWith(".tflite") || it.endsWith(".pte") }
    val name = names.singleOrNull() ?: throw Refusal("${names.size} models in the app", "it holds one", PLACE)
    val description = readDescription(text(context, "$name.json"), "$name.json")
    return Screener(description, network(copied(context, name, description), description))
}

private fun network(file: File, description: Description): Network = try {
    when (file.extension) {
        "tflite" -> LiteRtNetwork.open(file, THREADS)
        else -> ExecuTorchNetwork.open(file, description.preprocess.size, THREADS)
    }
} catch (error: UnsatisfiedLinkError) {
    throw Refusal(file.name, "its runtime has no library for this processor", "take a phone of 64 bits")
}

private fun text(context: Context, name: String): String = try {
    context.assets.open(name).use { it.readBytes() }.decodeToString()
} catch (error: IOException) {
    throw Refusal(name, "it is missing", PLACE)
}

/** Copy an asset to where the runtimes can map it into memory; what has another sha256 is not kept. */
private fun copied(context: Context, name: String, description: Description): File {
    val target = File(context.noBackupFilesDir, name)
    val part = File(context.noBackupFilesDir, "$name.part")
    val digest = sha256()
    try {
        context.assets.open(name).use { from ->
            DigestOutputStream(part.outputStream(), digest).use { from.copyTo(it) }
        }
        checkFile(digest.digest(), description, name)
        if (!part.renameTo(target)) throw IOException("it cannot be renamed")
    } catch (error: IOException) {
        throw Refusal(name, "it cannot be copied (${error.message})", "free some space on the phone")
    } finally {
        part.delete()
    }
    return target
}
