package org.mpoxlens.sample

import java.io.File
import org.mpoxlens.sample.core.Network
import org.mpoxlens.sample.core.OUTPUTS
import org.mpoxlens.sample.core.Outputs
import org.mpoxlens.sample.core.Refusal
import org.pytorch.executorch.EValue
import org.pytorch.executorch.Module
import org.pytorch.executorch.Tensor

/** A `.pte` file in ExecuTorch with XNNPACK: its method `forward` gives [OUTPUTS] in this order, without names. */
class ExecuTorchNetwork private constructor(private val module: Module, size: Int) : Network {
    private val shape = longArrayOf(1, 3, size.toLong(), size.toLong())

    override fun run(photo: FloatArray): Outputs {
        val found = module.forward(EValue.from(Tensor.fromBlob(photo, shape)))
        if (found.size != OUTPUTS.size) throw Refusal("the .pte file", "it gives ${found.size} outputs", AGAIN)
        val (logits, cam, embedding) = found.map { it.toTensor().dataAsFloatArray }
        return Outputs(logits, cam, embedding)
    }

    companion object {
        private const val AGAIN = "write it again with mpoxlens optimise"

        fun open(file: File, size: Int, threads: Int): ExecuTorchNetwork = try {
            ExecuTorchNetwork(Module.load(file.path, Module.LOAD_MODE_MMAP, threads), size)
        } catch (error: RuntimeException) { // the library's own exceptions are of this class
            throw Refusal(file.name, "ExecuTorch cannot load it (${error.message})", AGAIN)
        }
    }
}
