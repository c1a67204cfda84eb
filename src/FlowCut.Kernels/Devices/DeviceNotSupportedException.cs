namespace FlowCut.Kernels;

/// <summary>The device, or the architecture asked for, is one that the kernels or this NVRTC cannot serve. The message names those that can be served.</summary>
public sealed class DeviceNotSupportedException : Exception
{
    public DeviceNotSupportedException(string message)
        : base(message) { }
}
