package org.mpoxlens.sample

import android.graphics.Bitmap
import android.net.Uri
import android.os.Bundle
import android.view.WindowManager
import android.widget.Button
import android.widget.ImageView
import android.widget.TextView
import androidx.activity.ComponentActivity
import androidx.activity.result.PickVisualMediaRequest
import androidx.activity.result.contract.ActivityResultContracts.PickVisualMedia
import java.util.concurrent.Executors
import org.mpoxlens.sample.core.Refusal
import org.mpoxlens.sample.core.Screener
import org.mpoxlens.sample.core.Screening
import org.mpoxlens.sample.core.Texts
import org.mpoxlens.sample.core.overlay
import org.mpoxlens.sample.core.strongest

private const val MAP_SIDE = 256 // px of the longer side of the heat map's picture; the view enlarges it

/** One screen: choose a photograph, read the decision. */
class MainActivity : ComponentActivity() {
    private val worker = Executors.newSingleThreadExecutor() // the network is not safe to use from several threads
    private var screener: Screener? = null // the worker's alone

    private val picker = registerForActivityResult(PickVisualMedia()) { uri -> uri?.let { start(it) } }

    override fun onCreate(savedInstanceState: Bundle?) {
        super.onCreate(savedInstanceState)
        // Keeps a person's skin out of screen shots and out of the list of recent apps.
        window.setFlags(WindowManager.LayoutParams.FLAG_SECURE, WindowManager.LayoutParams.FLAG_SECURE)
        setContentView(R.layout.screen)
        findViewById<TextView>(R.id.use).text = Texts.intendedUse
        findViewById<Button>(R.id.choose).setOnClickListener {
            picker.launch(PickVisualMediaRequest(PickVisualMedia.ImageOnly))
        }
    }

    override fun onDestroy() {
        worker.shutdown()
        super.onDestroy()
    }

    private fun start(uri: Uri) {
        show(getString(R.string.working), "", null, null)
        worker.execute {
            try {
                screen(uri)
            } catch (error: Refusal) {
                say(error.message.orEmpty())
            } catch (error: OutOfMemoryError) {
                say(getString(R.string.memory))
            }
        }
    }

    private fun screen(uri: Uri) {
        val ready = screener ?: openScreener(applicationContext).also { screener = it }
        val shot = readShot(contentResolver, uri)
        val found = ready.screen(shot.photo)
        val map = heatMap(found, shot.bitmap)
        runOnUiThread { show(found.verdict.decision.words, told(found), shot.bitmap, map) }
    }

    private fun say(line: String) = runOnUiThread { show(line, "", null, null) }

    private fun told(found: Screening): String = buildList {
        add(getString(R.string.chance, Texts.percent(found.probability)))
        addAll(found.verdict.reasons.map { it.text })
        add(found.verdict.nextStep)
        val place = found.evidence?.let { strongest(it) }.orEmpty()
        if (place.isNotEmpty()) add(getString(R.string.strongest, place))
        if (!found.oodChecked) add(getString(R.string.unchecked))
    }.joinToString("\n\n")

    private fun heatMap(found: Screening, photo: Bitmap): Bitmap? {
        val map = found.evidence ?: return null
        val scale = MAP_SIDE.toDouble() / maxOf(photo.width, photo.height)
        val width = (photo.width * scale).toInt().coerceAtLeast(1)
        val height = (photo.height * scale).toInt().coerceAtLeast(1)
        return Bitmap.createBitmap(overlay(map, width, height), width, height, Bitmap.Config.ARGB_8888)
    }

    private fun show(decision: String, reasons: String, photo: Bitmap?, map: Bitmap?) {
        findViewById<TextView>(R.id.decision).text = decision
        findViewById<TextView>(R.id.reasons).text = reasons
        findViewById<ImageView>(R.id.photo).setImageBitmap(photo)
        findViewById<ImageView>(R.id.map).setImageBitmap(map)
    }
}
