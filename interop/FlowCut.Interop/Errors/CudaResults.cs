namespace FlowCut.Interop;

/// <summary>What can be said about a <see cref="CudaResult"/> without asking the driver, which may be absent or broken.</summary>
internal static class CudaResults
{
    /// <summary>The vendor's name: <c>CUDA_ERROR_OUT_OF_MEMORY</c>.</summary>
    public static string NameOf(CudaResult result) => result == CudaResult.Success ? "CUDA_SUCCESS"
        : Enum.IsDefined(result) ? "CUDA_ERROR_" + NativeNames.FromMember(result.ToString()) : "unknown CUresult";

    /// <summary>Whether the result says that the context is corrupt. The driver reports these asynchronously, and from then on for every call.</summary>
    public static bool IsContextLost(CudaResult result) => result is
        CudaResult.IllegalAddress or CudaResult.LaunchTimeout or CudaResult.Assert or CudaResult.HardwareStackError or CudaResult.IllegalInstruction
        or CudaResult.MisalignedAddress or CudaResult.InvalidAddressSpace or CudaResult.InvalidPc or CudaResult.LaunchFailed or CudaResult.TensorMemoryLeak
        or CudaResult.EccUncorrectable or CudaResult.NvlinkUncorrectable or CudaResult.ContextIsDestroyed or CudaResult.MpsClientTerminated
        or CudaResult.Contained or CudaResult.ExternalDevice;

    /// <summary>The usual cause and what to do about it; null for results that have no usual cause.</summary>
    public static string? AdviceOn(CudaResult result) => result switch
    {
        CudaResult.InvalidValue => "an argument is out of range: a size of zero, a null pointer, a flag that the driver does not know, or a grid that is too large.",
        CudaResult.OutOfMemory => "the device has not enough free memory (or, for pinned memory, the host). Use a smaller model, batch or budget, or a 16-bit type, and see what else runs with nvidia-smi.",
        CudaResult.NotInitialized => "the driver has not been initialised in this process; a process that was forked after initialisation cannot use CUDA either.",
        CudaResult.Deinitialized => "the process is ending and the driver has shut down.",
        CudaResult.StubLibrary => "the library that was loaded is the toolkit's stub, made for linking only. Remove the toolkit's 'stubs' folder from the search path.",
        CudaResult.CallRequiresNewerDriver => "the installed driver does not know this call. Update the NVIDIA driver.",
        CudaResult.DeviceUnavailable => "another process holds the device exclusively, or it is in prohibited mode. See the compute mode in nvidia-smi.",
        CudaResult.NoDevice => "the driver sees no device. Check nvidia-smi and CUDA_VISIBLE_DEVICES; in a container, start it with the GPU passed in (--gpus all).",
        CudaResult.InvalidDevice => "there is no device of that number. Count them with nvidia-smi; CUDA_VISIBLE_DEVICES renumbers them.",
        CudaResult.InvalidImage => "the module is not a valid cubin or PTX; if it came from a cache, delete that.",
        CudaResult.InvalidContext => "no context is current on this thread, or it is not one of this driver. Make the right one current first.",
        CudaResult.NoBinaryForGpu => "the module was compiled for another architecture than this device's.",
        CudaResult.EccUncorrectable => "the device reports an uncorrectable memory error; the context is lost. The device may need a reset or replacement.",
        CudaResult.InvalidPtx => "the driver cannot compile this PTX.",
        CudaResult.UnsupportedPtxVersion => "the PTX is newer than the driver. Update the NVIDIA driver, or compile for the exact architecture.",
        CudaResult.JitCompilerNotFound => "the driver's PTX compiler (libnvidia-ptxjitcompiler) is missing; in a container, pass the 'compute' driver capability.",
        CudaResult.InvalidHandle => "a stream, event, module or function is not valid, or belongs to another context.",
        CudaResult.NotFound => "the module has no kernel or variable of that name.",
        CudaResult.NotReady => "the work has not finished yet.",
        CudaResult.IllegalAddress => "a kernel read or wrote memory it does not own. The context is lost: end the process. compute-sanitizer finds the kernel.",
        CudaResult.MisalignedAddress => "a kernel used a misaligned address. The context is lost: end the process. compute-sanitizer finds the kernel.",
        CudaResult.LaunchOutOfResources => "the launch asks for more registers or shared memory than the device has for one block.",
        CudaResult.LaunchTimeout => "the kernel ran longer than the display driver allows. The context is lost: end the process.",
        CudaResult.LaunchFailed => "a kernel stopped with an error. The context is lost: end the process.",
        CudaResult.IllegalInstruction => "a kernel met an instruction the device does not have. The context is lost: end the process.",
        CudaResult.Assert => "a kernel's assertion failed. The context is lost: end the process.",
        CudaResult.ContextIsDestroyed => "the context was destroyed by its owner.",
        CudaResult.HostMemoryAlreadyRegistered => "this host memory is pinned already.",
        CudaResult.CooperativeLaunchTooLarge => "a cooperative launch must fit on the device at once.",
        CudaResult.NotPermitted => "this call is not allowed here, from within a stream callback for example.",
        CudaResult.NotSupported => "the device or driver does not support this.",
        CudaResult.SystemNotReady => "the system is not ready; on machines with NVSwitch the Fabric Manager must run.",
        CudaResult.SystemDriverMismatch => "the kernel module and the driver library have different versions. Restart the machine after a driver update; in a container, use the host's library.",
        CudaResult.CompatNotSupportedOnDevice => "this device cannot use the forward-compatibility driver. Remove it from the search path, or update the driver itself.",
        CudaResult.StreamCaptureUnsupported => "this call cannot be captured into a graph.",
        CudaResult.StreamCaptureInvalidated => "an earlier error ended the capture.",
        CudaResult.StreamCaptureImplicit => "the legacy default stream was used while another stream is being captured.",
        CudaResult.StreamCaptureWrongThread => "the capture must be ended on the thread that began it.",
        CudaResult.StreamCaptureUnjoined => "work forked to another stream was not joined before the capture ended.",
        CudaResult.Unknown => "an unknown error inside the driver; the machine's log (dmesg, Xid messages) may say more.",
        _ => IsContextLost(result) ? "the context is lost: end the process." : null,
    };
}
