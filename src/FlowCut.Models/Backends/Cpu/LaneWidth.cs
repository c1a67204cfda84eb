using System.Runtime.Intrinsics;

namespace FlowCut.Models.Backends.Cpu;

internal static class LaneWidth
{
    /// <summary>Lanes of the widest registers that this machine is fast with: 16, 8 or 4.</summary>
    public static int Widest => Vector512.IsHardwareAccelerated ? Lanes512.Count : Vector256.IsHardwareAccelerated ? Lanes256.Count : Lanes128.Count;
}
