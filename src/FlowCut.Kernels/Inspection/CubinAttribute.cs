namespace FlowCut.Kernels.Inspection;

/// <summary>Attributes of .nv.info records (EIATTR_* of the vendor's tools).</summary>
internal static class CubinAttribute
{
    public const byte MaxThreads = 0x05;
    public const byte StackFrame = 0x11;
    public const byte MinStack = 0x12;
    public const byte ParameterInfo = 0x17;
    public const byte ParameterBytes = 0x19;
    public const byte Registers = 0x2F;
    public const byte ParameterInfoLarge = 0x45;
    public const byte Barriers = 0x4C;
}
