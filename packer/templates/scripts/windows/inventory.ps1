# Prints what the finished system has, in the form that scripts/linux/inventory.sh explains. It
# follows Microsoft's documentation and has never run on a Windows.
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
[Console]::OutputEncoding = New-Object Text.UTF8Encoding $false
$work = 'C:\Windows\Temp\workerkit'
$image = Join-Path $work 'image'
if (-not (Test-Path $image)) { $image = $work }
$programs = 'C:\Program Files\workerkit'

function Write-Row { # columns; what would break the form becomes a space
    ($args | ForEach-Object { ([string]$_) -replace '[\t\r\n]+', ' ' }) -join "`t"
}

function Read-List([string]$Name) {
    $path = Join-Path $image $Name
    if (Test-Path $path) { Get-Content -Encoding UTF8 $path | Where-Object { $_ -ne '' } }
}

$system = Get-CimInstance Win32_OperatingSystem
'[system]'
Write-Row 'name' $system.Caption
Write-Row 'kernel' ([Environment]::OSVersion.Version)
Write-Row 'taken' ((Get-Date).ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ssZ', [Globalization.CultureInfo]::InvariantCulture))

# What was installed, for both sizes of pointers, and the updates of the system.
'[packages]'
$uninstall = 'Microsoft\Windows\CurrentVersion\Uninstall\*'
@(
    foreach ($place in @('HKLM:\SOFTWARE', 'amd64'), @('HKLM:\SOFTWARE\WOW6432Node', 'x86')) {
        $path, $arch = $place
        Get-ItemProperty (Join-Path $path $uninstall) -ErrorAction SilentlyContinue |
            Where-Object { $_.PSObject.Properties['DisplayName'] -and $_.DisplayName } |
            ForEach-Object {
                $version = if ($_.PSObject.Properties['DisplayVersion'] -and $_.DisplayVersion) { $_.DisplayVersion } else { 'unknown' }
                $bytes = if ($_.PSObject.Properties['EstimatedSize']) { [int64]$_.EstimatedSize * 1024 } else { 0 }
                Write-Row $_.DisplayName $version $arch $bytes '' ''
            }
    }
    Get-HotFix | ForEach-Object { Write-Row $_.HotFixID $_.Description 'all' 0 'Windows Update' '' }
) | Sort-Object -Unique

'[services]'
Get-CimInstance Win32_Service | Sort-Object Name | ForEach-Object { Write-Row $_.Name $_.StartMode.ToLowerInvariant() }

'[files]'
@(
    foreach ($line in Read-List 'files.list') { ($line -split "`t")[4] }
    foreach ($line in Read-List 'downloads') {
        $sum, $mode, $unpack, $path, $url = $line -split "`t"
        if ($unpack -eq 'no') { $path }
    }
    Join-Path $programs 'start-worker.exe'
    Join-Path $programs 'generic-worker.exe'
    'C:\ProgramData\start-worker\start-worker.yml'
    'C:\ProgramData\start-worker\boot.ps1'
    'C:\ProgramData\start-worker\environment.ps1'
) | Sort-Object -Unique | Where-Object { Test-Path -PathType Leaf $_ } | ForEach-Object {
    # Windows has no modes.
    Write-Row $_ (Get-Item -Force $_).Length '0000' (Get-FileHash -Algorithm SHA256 $_).Hash.ToLowerInvariant()
}

'[folders]'
$drive = Get-CimInstance Win32_LogicalDisk -Filter "DeviceID='C:'"
Write-Row 'C:\' ($drive.Size - $drive.FreeSpace)

'[versions]'
foreach ($program in 'start-worker', 'generic-worker') {
    $said = & (Join-Path $programs "$program.exe") --version | Select-Object -First 1
    Write-Row $program ($said -replace "^$program ", '')
}

'[tests]'
$tests = Join-Path $work 'tests.tsv'
if (Test-Path $tests) { Get-Content -Encoding UTF8 $tests }
'[end]'
