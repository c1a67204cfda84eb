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

    [Fact]
    public void A_models_times_get_the_names_that_peers_use()
    {
        const string bench = """
            {"model":"llava-1.5-7b","device":"cuda:0","simulated":false,"text_tokens":60,"rows":[
            {"part":"vision","visual_tokens":576,"median_ms":1.5,"p10_ms":1.4,"p90_ms":1.7},
            {"part":"vision","visual_tokens":64,"median_ms":1.0,"p10_ms":0.9,"p90_ms":1.1},
            {"part":"prefill","visual_tokens":64,"median_ms":6,"p10_ms":6,"p90_ms":6,"of_ceiling":0.5},
            {"part":"decode","visual_tokens":576,"median_ms":5,"p10_ms":5,"p90_ms":5},
            {"part":"prompt","visual_tokens":2940,"median_ms":50,"p10_ms":50,"p90_ms":50}]}
            """;
        var lines = KitReport.Text([ModelRows.Convert(bench)], []).Split('\n').Where(line => line.Contains("flowcut |", StringComparison.Ordinal));
        Assert.Equal(
            [
                "| vision clip-l-336 unpruned f16 | flowcut | 1500.0 |  |", "| vision clip-l-336 keep 64 f16 | flowcut | 1000.0 |  |",
                "| prefill llava-1.5-7b 64 visual + 60 text f16 | flowcut | 6000.0 |  |", "| decode llava-1.5-7b f16 | flowcut | 5000.0 |  |",
                "| prefill llava-next-7b 2880 visual + 60 text f16 | flowcut | 50000.0 |  |",
            ],
            lines);
    }

    [Fact]
    public void What_exporting_a_row_costs_is_said()
    {
        const string rows = """{"peer":"flowcut","device":"D","rows":[{"name":"x","variant":"flowcut","median_us":10},{"name":"x + row","variant":"flowcut","median_us":10.4}],"skipped":[]}""";
        Assert.Contains("- exporting a row costs x 4.0 %", KitReport.Text([rows], []));
    }
}
