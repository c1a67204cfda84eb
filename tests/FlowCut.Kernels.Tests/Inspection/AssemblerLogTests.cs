using FlowCut.Kernels.Inspection;

namespace FlowCut.Kernels.Tests.Inspection;

public class AssemblerLogTests
{
    private const string Log = """
        ptxas info    : 0 bytes gmem
        ptxas info    : Compiling entry function 'fc_a' for 'sm_90a'
        ptxas info    : Function properties for fc_a
        ptxas         .     1432 bytes stack frame, 1836 bytes spill stores, 2136 bytes spill loads
        ptxas info    : Used 32 registers, used 1 barriers, 1432 bytes cumulative stack size
        ptxas info    : Compiling entry function 'fc_ab' for 'sm_90a'
        ptxas info    : Function properties for fc_ab
        ptxas         .     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
        ptxas info    : Used 16 registers
        """;

    [Fact]
    public void Spills_are_those_of_the_kernel_that_is_asked_for()
    {
        Assert.Equal((1836, 2136), AssemblerLog.Spills(Log, "fc_a"));
        Assert.Equal((0, 0), AssemblerLog.Spills(Log, "fc_ab"));
        Assert.Null(AssemblerLog.Spills(Log, "fc_b"));
        Assert.Null(AssemblerLog.Spills("", "fc_a"));
    }
}
