package org.mpoxlens.sample

import com.google.ai.edge.litert.Accelerator
import com.google.ai.edge.litert.CompiledModel
import com.google.ai.edge.litert.LiteRtException
import java.io.File
import org.mpoxlens.sample.core.Network
import org.mpoxlens.sample.core.OUTPUTS
import org.mpoxlens.sample.core.Outputs
import org.mpoxlens.sample.core.Refusal

/** A `.tflite` file in LiteRT, on the processor: its signature takes "photo" and gives [OUTPUTS] by name. */
class LiteRtNetwork private constructor(private val model: CompiledModel) : Network {
    private val input = model.createInputBuffer("photo")
    private val outputs = OUTPUTS.associateWith { model.createOutputBuffer(it) }

    override fun run(photo: FloatArray): Outputs {
        input.writeFloat(photo)
        model.run(mapOf("photo" to input), outputs)
        val (logits, cam, embedding) = OUTPUTS.map { outputs.getValue(it).readFloat() }
        return Outputs(logits, cam, embedding)
    }

    companion object {
        private const val AGAIN = "write it again with mpoxlens optimise"

        fun open(file: File, threads: Int): LiteRtNetwork = try {
            val options = CompiledModel.Options(Accelerator.CPU)
            options.cpuOptions = CompiledModel.CpuOptions(numThreads = threads)
            LiteRtNetwork(CompiledModel.create(file.path, options))
        } catch (error: LiteRtException) {
            throw Refusal(file.name, "LiteRT cannot load it (${error.message})", AGAIN)
        }
    }
}
