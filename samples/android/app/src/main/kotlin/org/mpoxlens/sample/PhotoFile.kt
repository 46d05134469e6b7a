package org.mpoxlens.sample

import android.content.ContentResolver
import android.graphics.Bitmap
import android.graphics.ColorSpace
import android.graphics.ImageDecoder
import android.net.Uri
import java.io.ByteArrayOutputStream
import java.io.IOException
import java.nio.ByteBuffer
import org.mpoxlens.sample.core.MAX_BYTES
import org.mpoxlens.sample.core.Photo
import org.mpoxlens.sample.core.Raster
import org.mpoxlens.sample.core.Refusal
import org.mpoxlens.sample.core.checkBytes
import org.mpoxlens.sample.core.checkHeader
import org.mpoxlens.sample.core.decodeStep
import org.mpoxlens.sample.core.isDrawn
import org.mpoxlens.sample.core.putRgb

/** A photograph as the network sees it, and as the screen shows it. Nothing of either is written anywhere. */
class Shot(val photo: Photo, val bitmap: Bitmap)

/** Read and decode a photograph: limits first, upright by its EXIF orientation, in sRGB, without metadata. */
fun readShot(resolver: ContentResolver, uri: Uri): Shot {
    val bytes = readBytes(resolver, uri)
    var (width, height) = 0 to 0
    // ImageDecoder turns the picture upright by itself, and hands over pixels alone.
    val listener = ImageDecoder.OnHeaderDecodedListener { decoder, info, _ ->
        width = info.size.width
        height = info.size.height
        val jpeg = info.mimeType == "image/jpeg"
        checkHeader(width, height, jpeg, info.isAnimated)
        if (jpeg) decoder.setTargetSampleSize(decodeStep(width, height)) // of other formats it would skip pixels
        decoder.allocator = ImageDecoder.ALLOCATOR_SOFTWARE
        decoder.setTargetColorSpace(ColorSpace.get(ColorSpace.Named.SRGB))
    }
    val bitmap = try {
        ImageDecoder.decodeBitmap(ImageDecoder.createSource(ByteBuffer.wrap(bytes)), listener)
    } catch (error: IOException) {
        throw Refusal("the photo", "damaged, cut short, or no photo", "choose another photo")
    }
    return Shot(Photo(raster(bitmap), width, height, isDrawn(bytes)), bitmap)
}

private fun readBytes(resolver: ContentResolver, uri: Uri): ByteArray {
    val kept = ByteArrayOutputStream()
    try {
        val stream = resolver.openInputStream(uri) ?: throw IOException("it is gone")
        stream.use { from ->
            val buffer = ByteArray(1 shl 16)
            while (kept.size() <= MAX_BYTES) { // it may be longer than its provider says
                val count = from.read(buffer)
                if (count < 0) break
                kept.write(buffer, 0, count)
            }
        }
    } catch (error: IOException) {
        throw Refusal("the photo", "it cannot be read (${error.message})", "choose another photo")
    }
    checkBytes(kept.size())
    return kept.toByteArray()
}

private fun raster(bitmap: Bitmap): Raster {
    val (width, height) = bitmap.width to bitmap.height
    val data = ByteArray(width * height * 3)
    val row = IntArray(width)
    for (y in 0 until height) {
        bitmap.getPixels(row, 0, width, 0, y, width, 1)
        putRgb(row, data, y * width * 3)
    }
    return Raster(data, width, height)
}
