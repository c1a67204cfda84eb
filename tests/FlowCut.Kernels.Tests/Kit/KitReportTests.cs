using FlowCut.DeviceRunner;

namespace FlowCut.Kernels.Tests.Kit;

public class KitReportTests
{
    private const string Ours = """{"peer":"flowcut","device":"D","rows":[{"name":"a","variant":"flowcut","median_us":2.0},{"name":"b","variant":"flowcut","note":"not timed"}],"skipped":[]}""";
    private const string Peer = """{"peer":"torch","device":"D","rows":[{"name":"b","variant":"sdpa","median_us":7.0},{"name":"a","variant":"sdpa","median_us":5.0},{"name":"c","variant":"eager","median_us":1.0}],"skipped":[{"name":"d","reason":"no module"}]}""";

    [Fact]
    public void Rows_of_one_name_stand_together_with_the_peers_time_over_ours()
    {
        var lines = KitReport.Text([Ours, Peer], ["doctor: exit status 1, 2 s"]).Split('\n').Where(line => line.StartsWith("| ", StringComparison.Ordinal) || line.StartsWith("- ", StringComparison.Ordinal));
        Assert.Equal(
            [
                "- doctor: exit status 1, 2 s", "- flowcut on D", "- torch on D", "- torch: d was skipped: no module",
                "| row | who | median µs | × |", "| --- | --- | --- | --- |",
                "| a | flowcut | 2.0 |  |", "| a | torch sdpa | 5.0 | 2.50 |",
                "| b | flowcut | not timed |  |", "| b | torch sdpa | 7.0 |  |",
                "| c | torch eager | 1.0 |  |",
            ],
            lines);
    }
}
